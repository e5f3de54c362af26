"""Offers below the seller's secret minimum price, and how many offers a buyer may make on a product."""

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.utils import timezone

from accounts.tests.factories import make_seller, make_user
from chat.models import Message
from listings.services import update_product
from listings.tests.factories import make_product
from notifications.models import Notification
from offers.models import Offer
from offers.services import closing, negotiation
from offers.tests.conftest import CommitAndCapture, history, offer_events
from offers.tests.factories import make_counter, make_offer
from soukloop.core.errors import RateLimited

pytestmark = pytest.mark.django_db
Status, Reason = Offer.Status, Offer.CloseReason


def test_offer_below_the_minimum_looks_like_any_pending_one(commit_and_capture: CommitAndCapture) -> None:
    seller, buyer = make_seller(), make_user()
    low_on = make_product(seller=seller, min_offer_price=Decimal("700.00"))
    plain_on = make_product(seller=seller)
    published = []
    for product in (low_on, plain_on):
        with commit_and_capture() as events:
            offer = make_offer(product, buyer=buyer, price="699.99")
        assert (offer.status, offer.close_reason, offer.closed_at) == (Status.PENDING, "", None)
        published.append(
            [
                (room.replace(str(product.pk), "product"), event, sorted(data))
                for room, event, data in events
                if room != f"user.{seller.pk}"
            ]
        )
    published = [[(r, e, d) for r, e, d in each if not r.startswith("conversation.")] for each in published]
    assert published[0] == published[1]
    assert "offer:feed" in [event for _, event, _ in published[0]]
    # The seller isn't disturbed, but finds the offer in the list and may still answer it.
    notified = Notification.objects.filter(user=seller, kind="offer_new")
    assert [row.data["product_id"] for row in notified] == [str(plain_on.pk)]
    low = low_on.offers.get()
    assert negotiation.accept_offer(actor=seller, offer_id=low.pk).price == Decimal("699.99")


def test_offer_below_the_minimum_is_declined_after_10_to_60_minutes(
    commit_and_capture: CommitAndCapture,
) -> None:
    seller, buyer = make_seller(), make_user()
    low = make_offer(make_product(seller=seller, min_offer_price=Decimal(700)), buyer=buyer, price="699.99")
    plain = make_offer(make_product(seller=seller), buyer=buyer, price="699.99")
    made_at = low.created_at
    assert low.auto_decline_at is not None
    assert timedelta(minutes=10) <= low.auto_decline_at - made_at <= timedelta(minutes=60)
    with time_machine.travel(low.auto_decline_at - timedelta(milliseconds=1), tick=False):
        assert closing.decline_offers_below_minimum() == 0
    with time_machine.travel(low.auto_decline_at, tick=False), commit_and_capture() as events:
        assert closing.decline_offers_below_minimum() == 1
        assert closing.decline_offers_below_minimum() == 0
        negotiation.decline_offer(actor=seller, offer_id=plain.pk)
    low.refresh_from_db()
    assert (low.status, low.close_reason) == (Status.DECLINED, Reason.BELOW_MINIMUM)
    assert low.close_reason_for(buyer) == Reason.DECLINED
    assert low.close_reason_for(seller) == Reason.BELOW_MINIMUM
    assert history(low)[1:] == [("declined", None, "below_minimum")]
    assert offer_events(events) == [
        (f"user.{person.pk}", "offer:declined") for person in (buyer, seller, buyer, seller)
    ]
    # The buyer gets the same message and the same notification as when the seller declines.
    shown = [
        (
            list(offer.conversation.messages.values_list("message_type", "sender", "content")),
            list(
                Notification.objects.filter(user=buyer, data__offer_id=str(offer.pk)).values_list(
                    "kind", "params__actor"
                )
            ),
        )
        for offer in (low, plain)
    ]
    assert shown[0] == shown[1]
    assert (Message.Type.SYSTEM, seller.pk, "Offer declined: AED 699.99") in shown[0][0]


def test_waiting_times_before_the_decline_are_spread_over_the_whole_range() -> None:
    product = make_product(min_offer_price=Decimal(700))
    waits = []
    for _ in range(12):
        offer = make_offer(product, price="600.00")
        assert offer.auto_decline_at is not None
        waits.append((offer.auto_decline_at - offer.created_at).total_seconds())
    assert len(set(waits)) == 12
    assert max(waits) - min(waits) > 300


def test_offer_that_meets_a_lowered_minimum_stays_open_and_the_seller_is_notified() -> None:
    product = make_product(min_offer_price=Decimal(700))
    offer = make_offer(product, price="600.00")
    update_product(actor=product.seller, product_id=product.pk, changes={"min_offer_price": Decimal(600)})
    assert not Notification.objects.filter(user=product.seller, kind="offer_new").exists()
    with time_machine.travel(timezone.now() + timedelta(hours=1), tick=False):
        assert closing.decline_offers_below_minimum() == 0
    offer.refresh_from_db()
    assert (offer.status, offer.auto_decline_at) == (Status.PENDING, None)
    assert Notification.objects.filter(user=product.seller, kind="offer_new").count() == 1


def test_searching_for_the_minimum_by_halves_learns_nothing() -> None:
    product, buyer = make_product(price="850.00", min_offer_price=Decimal("700.00")), make_user()
    learned = set()
    for price in ("425.00", "637.50", "743.75", "690.63", "717.19"):  # around 700, as with a telling answer
        offer = make_offer(product, buyer=buyer, price=price)
        closing.decline_offers_below_minimum()
        offer.refresh_from_db()
        learned.add((offer.status, offer.close_reason_for(buyer), offer.closed_at))
    assert learned == {(Status.PENDING, "", None)}
    with pytest.raises(RateLimited, match="You can make 5 offers a day on one product"):
        make_offer(product, buyer=buyer, price="703.91")
    assert product.offers.count() == 5
    assert make_offer(product, price="703.91").status == Status.PENDING  # another buyer


def test_replaced_and_withdrawn_offers_and_counters_count_against_the_daily_limit() -> None:
    product, buyer = make_product(), make_user()
    make_offer(product, buyer=buyer, price="500.00")
    withdrawn = make_offer(product, buyer=buyer, price="510.00")
    negotiation.withdraw_offer(actor=buyer, offer_id=withdrawn.pk)
    third = make_offer(product, buyer=buyer, price="520.00")
    fourth = make_counter(make_counter(third, price="800.00"), price="530.00")
    fifth = make_counter(make_counter(fourth, price="790.00"), price="540.00")
    last_counter = make_counter(fifth, price="780.00")  # the seller's own counters are not limited
    with pytest.raises(RateLimited):
        make_counter(last_counter, price="550.00")
    with pytest.raises(RateLimited):
        make_offer(product, buyer=buyer, price="550.00")
    last_counter.refresh_from_db()
    assert last_counter.status == Status.PENDING
    first = Offer.objects.filter(made_by=buyer).earliest("created_at")
    Offer.objects.filter(pk=first.pk).update(created_at=timezone.now() - timedelta(hours=24))
    assert make_counter(last_counter, price="550.00").status == Status.PENDING


def test_repeated_client_offer_id_does_not_count_against_the_daily_limit() -> None:
    product, buyer = make_product(), make_user()
    offers = [make_offer(product, buyer=buyer, client_offer_id=f"try-{number}") for number in range(5)]
    assert make_offer(product, buyer=buyer, client_offer_id="try-4") == offers[4]
