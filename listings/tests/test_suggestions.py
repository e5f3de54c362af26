"""Suggestions while typing: completion, correction, and nothing from hidden products."""

from decimal import Decimal
from typing import Any

import pytest

from accounts.tests.factories import block, client_for, make_seller, make_user
from listings import services
from listings.models import Category, Product, SearchWord
from listings.services.search_words import recount_words
from listings.tests.factories import DUBAI_MARINA, make_searchable
from listings.tests.requests import search, suggest

pytestmark = pytest.mark.django_db


def test_suggestions_complete_the_last_word() -> None:
    for title in ("Nike Air Jordan", "Nike Dunk", "ساعة رولكس"):
        make_searchable(title)

    recount_words()
    assert suggest("nik") == ["nike"]
    assert suggest("nike jor") == ["nike jordan"]
    assert suggest("dunk jor") == []
    assert suggest("jordn") == ["jordan"]
    assert suggest("ساع") == ["ساعة"]
    assert suggest("") == []


@pytest.mark.parametrize(
    ("typed", "suggested"),
    [
        ("هوات", ["هواتف"]),
        ("الهوات", ["هواتف"]),
        ("pho", ["Phones"]),
        ("phones & e", ["Phones & Electronics"]),
        ("video ga", []),
        ("p", []),
    ],
)
def test_categories_with_products_are_suggested(typed: str, suggested: list[str]) -> None:
    make_searchable("Nokia", category_id="electronics")
    assert suggest(typed) == suggested


def test_a_half_typed_measure_is_completed() -> None:
    make_searchable("iPhone 256 GB", category_id="luxury_fashion")
    recount_words()
    assert suggest("256g") == suggest("٢٥٦g") == ["256gb"]


@pytest.mark.parametrize(
    "change",
    [
        {"status": "deleted"},
        {"status": "hidden"},
        {"status": "sold"},
        {"seller_closed": True},
        {"title": "x"},
    ],
)
def test_words_of_unlisted_products_are_not_suggested(change: Any) -> None:
    make_searchable("Nike Air Jordan")
    product = make_searchable("Nike Zyxwort")
    for typed, words in (("zyxw", ["zyxwort"]), ("nike zyx", ["nike zyxwort"]), ("zyxwrot", ["zyxwort"])):
        assert suggest(typed) == words
    assert search(q="zyxwrot")["corrected_query"] == "zyxwort"
    Product.objects.filter(pk=product.pk).update(**change)
    for typed in ("zyxw", "nike zyx", "nike or zyx", "zyxwrot", "nike zyxwrot"):
        assert suggest(typed) == []
    for typed in ("zyxwrot", "jordan zyxwrot"):
        assert search(q=typed)["corrected_query"] is None


@pytest.mark.parametrize("is_viewer_the_blocker", [True, False])
def test_words_of_blocked_sellers_are_suggested_to_others_only(is_viewer_the_blocker: Any) -> None:
    viewer, seller = make_user(), make_seller()
    make_searchable("Nike Air Jordan")
    make_searchable("Nike Zyxwort", seller=seller)
    block(*((viewer, seller) if is_viewer_the_blocker else (seller, viewer)))
    client = client_for(viewer)
    for typed, words in (
        ("zyxw", ["zyxwort"]),
        ("nike zyx", ["nike zyxwort"]),
        ("zyxwrot", ["zyxwort"]),
        ("nike zyxwrot", ["nike zyxwort"]),
    ):
        assert suggest(typed) == suggest(typed, client_for(seller)) == words
        assert suggest(typed, client) == []
    assert search(q="zyxwrot")["corrected_query"] == "zyxwort"
    assert client.get("/api/v1/search", {"q": "zyxwrot"}).json()["data"]["corrected_query"] is None
    assert suggest("nike jor", client) == ["nike jordan"]
    make_searchable("Zyxwort of another seller")
    assert suggest("zyxw", client) == ["zyxwort"]


def test_phrase_of_a_blocked_seller_is_not_suggested_although_its_words_are() -> None:
    viewer, seller = make_user(), make_seller()
    for title in ("Nike Zyxwort", "Nike", "Zyxwort"):
        make_searchable(title, seller=seller if title == "Nike Zyxwort" else make_seller())
    block(viewer, seller)
    assert suggest("nike zyx") == ["nike zyxwort"]
    assert suggest("nike zyx", client_for(viewer)) == []
    assert suggest("zyx", client_for(viewer)) == ["zyxwort"]


def test_common_words_are_suggested_without_a_check() -> None:
    viewer, seller = make_user(), make_seller()
    make_searchable("Zyxwort", seller=seller)
    block(viewer, seller)
    SearchWord.objects.filter(word="zyxwort").update(uses=51)
    assert suggest("zyxw", client_for(viewer)) == ["zyxwort"]


def test_query_count_of_suggestions_does_not_depend_on_the_results(django_assert_num_queries: Any) -> None:
    viewer, seller = make_user(), make_seller()
    client = client_for(viewer)
    block(viewer, seller)
    for title in ("Nike Zyxwort", "Nike Zyxwand", "Nike Zyxwing"):
        make_searchable(title)
        make_searchable(title, seller=seller)
        with django_assert_num_queries(4):  # the folded words, the categories, the words, the phrases
            assert suggest("nike zyxw")
        with django_assert_num_queries(6):  # and before these the user and their blocks
            assert suggest("nike zyxw", client)


def test_title_of_a_deleted_product_is_not_suggested() -> None:
    seller = make_seller()
    product = services.create_product(
        actor=seller,
        title="Buyatmyshop",
        price=Decimal(5),
        category=Category.objects.get(pk="beauty"),
        condition="new",
        feed_type="community",
        location=DUBAI_MARINA,
    )
    assert suggest("buya") == ["buyatmyshop"]
    services.delete_product(actor=seller, product_id=product.pk)
    assert suggest("buya") == []


def test_word_is_not_completed_to_a_longer_one_of_a_deleted_title() -> None:
    deleted = make_searchable("Zyxwort-0501234567")
    make_searchable("Zyxwort")
    Product.objects.filter(pk=deleted.pk).update(status="deleted")
    assert suggest("zyxw") == ["zyxwort"]


def test_words_with_quotes_and_backslashes_are_suggested() -> None:
    title = r"O'Neill's C:\temp a/b\c it's-o'k www.example.com/a'b\c"
    make_searchable(title)
    for word in SearchWord.objects.values_list("word", flat=True):
        assert suggest(word), word
    SearchWord.objects.create(word="back\\", display="back\\")
    assert suggest("back\\") == []


def test_creation_adds_words_and_recounting_deletes_unused_ones() -> None:
    services.create_product(
        actor=make_seller(),
        title="Zyxwort",
        price=Decimal(5),
        category=Category.objects.get(pk="beauty"),
        condition="new",
        feed_type="community",
        location=DUBAI_MARINA,
    )
    assert SearchWord.objects.filter(word="zyxwort").exists()
    Product.objects.update(status="sold")
    assert recount_words() == 0
    assert not SearchWord.objects.exists()
