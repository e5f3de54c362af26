"""Reviews: who may write one and when, when others see it, and what it does to the average."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services.deletion import delete_account
from accounts.tests.factories import PASSWORD, block, client_for, make_seller, make_staff, make_user
from listings.tests.factories import make_product
from notifications.models import Notification
from orders.models import Order, Review
from orders.services import reviews
from orders.tests.factories import make_order
from soukloop.core.errors import Conflict, DomainError, Forbidden

pytestmark = pytest.mark.django_db
URL = "/api/v1/reviews"
State = Order.State


@pytest.fixture
def order() -> Order:
    """A completed order."""
    return make_order(state=State.COMPLETED)


def write(order: Order, author: User, rating: int = 5, text: str = "") -> Review:
    return reviews.write_review(actor=author, order_id=order.pk, rating=rating, text=text)


def refusal(order: Order, author: User) -> str:
    """Return the code with which a review is refused, and prove that nothing was written."""
    before = list(Review.objects.order_by("pk").values())
    with pytest.raises(DomainError) as refused:
        write(order, author)
    assert list(Review.objects.order_by("pk").values()) == before
    return refused.value.code


def rating_of(person: User) -> tuple[int, int]:
    person.refresh_from_db()
    return person.rating_sum, person.rating_count


def seen(subject: User, viewer: User | None = None) -> list[tuple[int, str]]:
    """Return (rating, state) of what the viewer, or a guest, sees about a person."""
    client = client_for(viewer) if viewer else APIClient()
    data = client.get(f"/api/v1/users/{subject.pk}/reviews").json()["data"]
    assert data["total"] == len(data["items"])
    return [(item["rating"], item["state"]) for item in data["items"]]


def kinds_of(person: User) -> list[str]:
    kinds = Notification.objects.filter(user=person, kind__startswith="review_")
    return list(kinds.order_by("created_at").values_list("kind", flat=True))


def test_a_review_is_seen_by_its_author_alone_until_the_other_side_writes(order: Order) -> None:
    buyer, seller = order.buyer, order.seller
    answer = client_for(buyer).post(
        URL, {"order_id": str(order.pk), "rating": 4, "text": "Good shoes.\nThanks!"}
    )
    assert answer.status_code == 201
    data = answer.json()["data"]
    assert (data["rating"], data["text"], data["state"]) == (4, "Good shoes.\nThanks!", "waiting")
    assert (data["author_side"], data["author"]["id"]) == ("buyer", str(buyer.pk))
    assert seen(seller, buyer) == [(4, "waiting")]
    for stranger in (None, seller, make_user(), make_staff()):
        assert seen(seller, stranger) == []
    assert rating_of(seller) == (0, 0)
    assert kinds_of(seller) == ["review_waiting"]

    write(order, seller, rating=5)
    assert seen(seller) == seen(seller, buyer) == [(4, "published")]
    assert seen(buyer) == [(5, "published")]
    assert (rating_of(seller), rating_of(buyer)) == ((4, 1), (5, 1))
    assert kinds_of(buyer) == ["review_shown"]


def test_a_review_is_shown_after_14_days_even_before_the_job_counts_it(order: Order) -> None:
    write(order, order.buyer, rating=2)
    with time_machine.travel(timezone.now() + timedelta(days=14, minutes=-1), tick=False):
        assert (seen(order.seller), reviews.publish_due_reviews()) == ([], 0)
    with time_machine.travel(timezone.now() + timedelta(days=14, minutes=1), tick=False):
        assert seen(order.seller) == [(2, "published")]
        assert rating_of(order.seller) == (0, 0)
        assert [reviews.publish_due_reviews(), reviews.publish_due_reviews()] == [1, 0]
        assert rating_of(order.seller) == (2, 1)
        assert kinds_of(order.seller)[-1] == "review_shown"
        write(order, order.seller, rating=1)  # late, but within the time for reviews
        assert (rating_of(order.seller), rating_of(order.buyer)) == ((2, 1), (1, 1))


@pytest.mark.parametrize("state", [State.AUTHORISED, State.HANDED_OVER, State.CANCELLED])
def test_an_order_that_is_not_completed_cannot_be_reviewed(state: str) -> None:
    order = make_order(state=state)
    assert refusal(order, order.buyer) == "order_not_completed"


def test_refusals_of_a_review(order: Order) -> None:
    assert refusal(order, make_user()) == "order_not_found"
    write(order, order.buyer)
    assert refusal(order, order.buyer) == "already_reviewed"
    Order.objects.filter(pk=order.pk).update(completed_at=timezone.now() - timedelta(days=60))
    assert refusal(order, order.seller) == "review_too_late"


def test_nobody_reviews_a_deleted_account(order: Order) -> None:
    delete_account(actor=order.buyer, password=PASSWORD)
    assert refusal(order, order.seller) == "party_unavailable"
    assert client_for(order.seller).get(f"{URL}/pending").json()["data"]["items"] == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("rating", 0), ("rating", 6), ("rating", True), ("rating", 4.5), ("text", "\x07"), ("text", "a" * 1001)],
)
def test_a_wrong_field_is_refused(order: Order, field: str, value: Any) -> None:
    body = {"order_id": str(order.pk), "rating": 5, "text": ""} | {field: value}
    answer = client_for(order.buyer).post(URL, body)
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (400, [field])
    assert not Review.objects.exists()


def test_a_block_hides_reviews_from_these_two_but_not_from_the_average(order: Order) -> None:
    block(order.seller, order.buyer)
    write(order, order.buyer, rating=1)
    write(order, order.seller, rating=1)
    client = client_for(order.seller)
    assert client.get(f"/api/v1/users/{order.buyer.pk}/reviews").status_code == 404
    assert seen(order.seller, order.seller) == []
    assert seen(order.seller) == [(1, "published")]
    assert rating_of(order.seller) == (1, 1)


def test_the_review_of_a_deleted_account_stays_without_its_author(order: Order) -> None:
    write(order, order.buyer, rating=3)
    write(order, order.seller)
    delete_account(actor=order.buyer, password=PASSWORD)
    [item] = APIClient().get(f"/api/v1/users/{order.seller.pk}/reviews").json()["data"]["items"]
    assert (item["rating"], item["author"], item["author_side"]) == (3, None, "buyer")
    assert rating_of(order.seller) == (3, 1)


def test_staff_hide_a_review_and_show_it_again(order: Order) -> None:
    staff, review = make_staff(), write(order, order.buyer, rating=1)
    write(order, order.seller)
    with pytest.raises(Forbidden):
        reviews.hide_review(actor=order.seller, review_id=review.pk, reason="I don't like it")
    reviews.hide_review(actor=staff, review_id=review.pk, reason="Insults")
    assert (seen(order.seller), rating_of(order.seller)) == ([], (0, 0))
    assert seen(order.seller, order.buyer) == [(1, "hidden")]
    with pytest.raises(Conflict) as refused:
        reviews.hide_review(actor=staff, review_id=review.pk, reason="Insults")
    assert refused.value.code == "review_unchanged"
    reviews.restore_review(actor=staff, review_id=review.pk, reason="A mistake")
    assert (seen(order.seller), rating_of(order.seller)) == ([(1, "published")], (1, 1))


def test_a_review_hidden_before_its_time_never_counts(order: Order) -> None:
    review = write(order, order.buyer, rating=1)
    reviews.hide_review(actor=make_staff(), review_id=review.pk, reason="Insults")
    with time_machine.travel(timezone.now() + timedelta(days=15), tick=False):
        reviews.publish_due_reviews()
    assert (seen(order.seller), rating_of(order.seller)) == ([], (0, 0))


def test_orders_to_review_are_listed_until_they_are_reviewed() -> None:
    seller = make_seller()
    orders = [make_order(make_product(seller=seller), state=State.COMPLETED) for _ in range(2)]
    make_order(make_product(seller=seller))
    write(orders[0], orders[0].buyer)
    client = client_for(seller)
    data = client.get(f"{URL}/pending").json()["data"]
    assert [(item["order_id"], item["has_other_written"]) for item in data["items"]] == [
        (str(orders[1].pk), False),
        (str(orders[0].pk), True),
    ]
    item = data["items"][1]
    assert (item["side"], item["other_user"]["id"]) == ("seller", str(orders[0].buyer.pk))
    write(orders[0], seller)
    assert client.get(f"{URL}/pending").json()["data"]["total"] == 1
    assert client_for(make_user()).get(f"{URL}/pending").json()["data"]["total"] == 0


def test_the_average_is_on_the_profile_the_product_page_and_cards(order: Order) -> None:
    write(order, order.buyer, rating=4)
    write(order, order.seller)
    other = make_product(seller=order.seller)
    rating = {"average": 4.0, "count": 1}
    guest = APIClient()
    assert guest.get(f"/api/v1/users/{order.seller.pk}").json()["data"]["rating"] == rating
    assert guest.get(f"/api/v1/products/{other.pk}").json()["data"]["seller"]["rating"] == rating
    for path in (
        "feeds/community?latitude=25.0772&longitude=55.1369",
        "search?q=jordan",
        f"users/{order.seller.pk}/products",
    ):
        answer = guest.get(f"/api/v1/{path}")
        if answer.status_code == 200:
            assert [item["seller"]["rating"] for item in answer.json()["data"]["items"]] == [rating], path


def test_lists_take_a_fixed_number_of_queries(order: Order, django_assert_max_num_queries: Any) -> None:
    seller = order.seller
    orders = [order, *(make_order(make_product(seller=seller), state=State.COMPLETED) for _ in range(2))]
    for each in orders:
        write(each, each.buyer)
    client = client_for(seller)
    with django_assert_max_num_queries(5):
        assert client.get(f"{URL}/pending").json()["data"]["total"] == 3
    for each in orders:
        write(each, seller)
    with django_assert_max_num_queries(5):
        assert APIClient().get(f"/api/v1/users/{seller.pk}/reviews").json()["data"]["total"] == 3


def test_a_pair_counts_once_in_90_days_for_an_average_and_all_its_reviews_are_shown() -> None:
    seller, buyer = make_seller(), make_user()

    def deal(rating: int) -> Review:
        """Sell something to the same buyer, who gives a rating, and write a review in return."""
        order = make_order(make_product(seller=seller), buyer=buyer, state=State.COMPLETED)
        review = write(order, buyer, rating)
        write(order, seller)
        return review

    first, second = deal(5), deal(3)
    assert sorted(seen(seller)) == [(3, "published"), (5, "published")]
    assert (rating_of(seller), rating_of(buyer)) == ((5, 1), (5, 1))
    other = make_order(make_product(seller=seller), state=State.COMPLETED)
    write(other, other.buyer, 2)
    write(other, seller)
    assert rating_of(seller) == (7, 2)

    staff = make_staff()
    reviews.hide_review(actor=staff, review_id=second.pk, reason="Insults")
    assert rating_of(seller) == (7, 2)
    reviews.hide_review(actor=staff, review_id=first.pk, reason="Insults")
    assert rating_of(seller) == (2, 1)
    reviews.restore_review(actor=staff, review_id=second.pk, reason="A mistake")
    assert rating_of(seller) == (5, 2)
    reviews.restore_review(actor=staff, review_id=first.pk, reason="A mistake")
    assert rating_of(seller) == (5, 2)

    long_ago = timezone.now() - timedelta(days=91)
    Review.objects.filter(author=buyer, is_counted=True).update(published_at=long_ago)
    Review.objects.filter(pk=first.pk).update(published_at=long_ago)
    deal(1)
    assert rating_of(seller) == (6, 3)
