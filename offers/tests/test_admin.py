"""Admin screens of offers and sales."""

from typing import Any

import pytest
from django.test import Client

from accounts.tests.factories import make_staff, make_user
from listings.tests.factories import make_product
from offers.services import sales
from offers.tests.conftest import all_rows
from offers.tests.factories import make_counter, make_offer, make_sale

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(make_staff())
    return client


def text(response: Any) -> str:
    assert response.status_code == 200
    return str(response.content.decode())


@pytest.mark.parametrize("screen", ["offer", "transaction"])
def test_search_finds_rows_by_id_product_and_user_only(screen: str, staff: Client) -> None:
    product = make_product(title="Saffron threads")
    sale = make_sale(product, buyer=make_user(username="layla", email="layla@example.com"))
    make_sale(make_product(title="Carpet"))
    row = sale if screen == "transaction" else sale.offer
    address = f"/admin/offers/{screen}/"
    for words in (str(row.pk), str(product.pk), "saffron", "layla", "layla@example.com"):
        page = text(staff.get(address, {"q": words}))
        assert "Saffron threads" in page
        assert "Carpet" not in page
    assert "Saffron threads" not in text(staff.get(address, {"q": "nothing like it"}))


def test_offer_and_sale_pages_show_the_whole_negotiation(staff: Client) -> None:
    first = make_offer(price="700.00")
    counter = make_counter(first, price="800.00")
    sale = make_sale(first.product, buyer=first.buyer, price="790.00")
    sales.cancel_transaction(actor=sale.buyer, transaction_id=sale.pk, reason="Broken on arrival")
    for address in (
        f"/admin/offers/offer/{counter.pk}/change/",
        f"/admin/offers/transaction/{sale.pk}/change/",
    ):
        page = text(staff.get(address)).replace("\u00a0", " ")
        for words in ("AED 700.00", "AED 800.00", "AED 790.00", "Countered", "Accepted", "sale cancelled"):
            assert words in page
        for person in (first.buyer, first.seller):
            assert str(person) in page
    assert "Broken on arrival" in page


def test_staff_cannot_add_change_or_delete_rows(staff: Client) -> None:
    sale = make_sale()
    before = all_rows()
    for screen, row in (("offer", sale.offer), ("transaction", sale)):
        address = f"/admin/offers/{screen}"
        assert staff.get(f"{address}/add/").status_code == 403
        assert staff.post(f"{address}/{row.pk}/change/", {"status": "pending"}).status_code == 403
        assert staff.post(f"{address}/{row.pk}/delete/", {"post": "yes"}).status_code == 403
        staff.post(f"{address}/", {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})
        page = text(staff.get(f"{address}/{row.pk}/change/"))
        assert 'name="status"' not in page
        assert "_save" not in page
    assert all_rows() == before


@pytest.mark.parametrize("screen", ["offer", "transaction"])
def test_query_count_of_a_list_does_not_depend_on_its_length(
    screen: str, staff: Client, django_assert_max_num_queries: Any
) -> None:
    for _ in range(6):
        make_sale()
    with django_assert_max_num_queries(8):
        text(staff.get(f"/admin/offers/{screen}/"))
