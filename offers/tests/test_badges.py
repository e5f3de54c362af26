"""The numbers on the app's tabs."""

from typing import Any

import pytest
from django.utils import timezone

from accounts.tests.factories import client_for, make_user
from chat.tests.factories import make_conversation, make_message
from offers.models import Offer
from offers.tests.factories import make_counter, make_offer

pytestmark = pytest.mark.django_db


def badges(user: Any) -> Any:
    return client_for(user).get("/api/v1/badges").json()["data"]


def test_messages_notifications_and_offers_are_counted_for_whom_they_wait() -> None:
    offer = make_offer()
    make_message(make_conversation(seller=offer.seller), content="Hello")
    before = badges(offer.seller)
    assert before["open_offers"] == 1
    assert before["unread_messages"] >= 1
    assert before["unread_notifications"] == 2  # of the offer and of the message
    assert badges(offer.buyer) == {
        "unread_messages": 0,
        "unread_notifications": 0,
        "open_offers": 0,
        "open_orders": 0,
    }
    counter = make_counter(offer)
    assert (badges(offer.seller)["open_offers"], badges(offer.buyer)["open_offers"]) == (0, 1)
    Offer.objects.filter(pk=counter.pk).update(expires_at=timezone.now())
    assert badges(offer.buyer)["open_offers"] == 0


def test_the_number_of_queries_does_not_grow(django_assert_num_queries: Any) -> None:
    me = make_user()
    for _ in range(2):
        client = client_for(me)
        with django_assert_num_queries(6):  # the person, their blocks, and one for each number
            client.get("/api/v1/badges")
        make_message(make_conversation(seller=me), content="Hello")
