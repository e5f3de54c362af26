"""The page of a product: distance, seller's badge, and what its viewer has begun with the seller."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.tests.factories import client_for, follow, make_seller, make_user
from chat.models import Conversation
from chat.tests.factories import make_conversation, make_message
from listings.tests.factories import DUBAI_MARINA, make_product
from offers.models import Offer
from offers.tests.factories import make_offer
from soukloop.core.redis.client import redis_client

pytestmark = pytest.mark.django_db
PLACE = f"latitude={DUBAI_MARINA.y}&longitude={DUBAI_MARINA.x}"


def page(client: APIClient, product: Any, query: str = "") -> dict[str, Any]:
    response = client.get(f"/api/v1/products/{product.pk}?{query}")
    assert response.status_code == 200, response.json()
    body: dict[str, Any] = response.json()["data"]
    return body


def test_the_page_has_the_viewers_conversation_and_open_offer() -> None:
    buyer, product = make_user(), make_product(price="850.00")
    client = client_for(buyer)
    before = page(client, product)
    assert (before["my_conversation"], before["my_offer"]) == (None, None)
    offer = make_offer(product, buyer=buyer, price="750.00")
    conversation = Conversation.objects.get(buyer=buyer)
    make_message(conversation, product.seller)
    body = page(client, product)
    assert body["my_conversation"] == {"id": str(conversation.pk), "unread_count": 1}
    assert body["my_offer"] == {
        "id": str(offer.pk),
        "offered_price": 750.0,
        "offered_price_display": "AED 750.00",
        "currency": "AED",
        "is_mine": True,
        "expires_at": body["my_offer"]["expires_at"],
    }
    assert body["accepts_offers"] is True
    other = page(client_for(make_user()), product)
    assert (other["my_conversation"], other["my_offer"]) == (None, None)


def test_an_offer_that_is_closed_or_past_its_time_is_not_on_the_page() -> None:
    buyer, product = make_user(), make_product()
    offer = make_offer(product, buyer=buyer)
    Offer.objects.filter(pk=offer.pk).update(expires_at=timezone.now() - timedelta(minutes=1))
    assert page(client_for(buyer), product)["my_offer"] is None
    Offer.objects.filter(pk=offer.pk).update(
        expires_at=timezone.now() + timedelta(hours=1),
        status="declined",
        close_reason="declined",
        closed_at=timezone.now(),
    )
    assert page(client_for(buyer), product)["my_offer"] is None


def test_the_seller_and_guests_have_no_conversation_and_no_offer_on_the_page() -> None:
    product = make_product()
    make_offer(product)
    for client in (client_for(product.seller), APIClient()):
        body = page(client, product)
        assert (body["my_conversation"], body["my_offer"]) == (None, None)


def test_the_page_says_whether_the_seller_has_the_badge_and_is_followed() -> None:
    seller, follower = make_seller(has_verified_badge=True), make_user()
    product = make_product(seller=seller)
    follow(follower, seller)
    viewers = ((client_for(follower), True), (client_for(make_user()), False), (APIClient(), False))
    for client, is_following in viewers:
        shown = page(client, product)["seller"]
        assert (shown["has_verified_badge"], shown["is_following"]) == (True, is_following)


def test_the_distance_is_there_if_the_request_has_a_place() -> None:
    product, without_place = make_product(), make_product(feed_type="discover", location=None)
    for client in (client_for(make_user()), APIClient()):
        near = page(client, product, PLACE)
        assert near["distance_km"] < 5
        assert near["distance_label"]
        assert "distance_km" not in page(client, product)
        assert "distance_km" not in page(client, without_place, PLACE)


@pytest.mark.parametrize(
    ("query", "field"), [("latitude=25", "longitude"), ("latitude=x&longitude=55", "latitude")]
)
def test_a_wrong_place_is_refused_and_counts_no_view(query: str, field: str) -> None:
    product = make_product()
    response = APIClient().get(f"/api/v1/products/{product.pk}?{query}")
    assert response.status_code == 400
    assert list(response.json()["error"]["details"]) == [field]
    assert redis_client().keys("*view*") == []


def test_the_page_takes_six_queries_and_that_of_a_guest_one(django_assert_num_queries: Any) -> None:
    product, buyer = make_product(), make_user()
    make_message(make_conversation(buyer=buyer, product=product))
    make_offer(product, buyer=buyer)
    client = client_for(buyer)
    with django_assert_num_queries(
        6
    ):  # the caller, the product, favourite and distance, conversation, offer, buying
        page(client, product, PLACE)
    with django_assert_num_queries(1):
        page(APIClient(), product)
