"""Answering an offer: accepting, declining, countering, withdrawing."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.conf import settings

from accounts.tests.factories import make_user
from listings.models import Product
from listings.services import update_product
from listings.tests.factories import make_product
from notifications.models import Notification
from notifications.tests.factories import text_of
from offers.models import Offer
from offers.services import negotiation, sales
from offers.tests.conftest import CommitAndCapture, all_rows, history, offer_events
from offers.tests.factories import make_counter, make_offer, make_sale
from soukloop.core.errors import Conflict, Forbidden, NotFound, ValidationFailed

pytestmark = pytest.mark.django_db
Status, Reason = Offer.Status, Offer.CloseReason
NOON = datetime(2025, 10, 18, 12, tzinfo=UTC)


def test_accepting_750_at_5_percent_takes_37_50_and_sells_the_product() -> None:
    product = make_product(price="850.00")
    offer = make_offer(product, price="750.00")
    sale = negotiation.accept_offer(actor=product.seller, offer_id=offer.pk)
    offer.refresh_from_db()
    product.refresh_from_db()
    assert (offer.status, offer.close_reason) == (Status.ACCEPTED, Reason.ACCEPTED)
    assert (product.status, product.sold_at is not None) == ("sold", True)
    assert (sale.buyer, sale.seller, sale.status) == (offer.buyer, product.seller, "pending")
    assert (sale.price, sale.currency, sale.fee_rate) == (Decimal("750.00"), "AED", Decimal("0.05"))
    assert (sale.platform_fee, sale.seller_payout) == (Decimal("37.50"), Decimal("712.50"))
    assert not Product.objects.listed().filter(pk=product.pk).exists()


@pytest.mark.parametrize(
    ("feed_type", "price", "fee", "payout"),
    [
        ("community", "0.01", "0.00", "0.01"),
        ("community", "0.10", "0.01", "0.09"),
        ("community", "333.33", "16.67", "316.66"),
        ("discover", "299.00", "44.85", "254.15"),
        ("discover", "9999999.99", "1500000.00", "8499999.99"),
    ],
)
def test_fee_and_payout_add_up_to_the_price(feed_type: str, price: str, fee: str, payout: str) -> None:
    sale = make_sale(make_product(price=price, feed_type=feed_type), price=price)
    assert (sale.platform_fee, sale.seller_payout) == (Decimal(fee), Decimal(payout))


def test_later_change_of_fee_rates_does_not_change_a_sale(settings: Any) -> None:
    sale = make_sale()
    settings.FEE_RATES = {"community": "0.20", "discover": "0.30"}
    sale.refresh_from_db()
    assert (sale.fee_rate, sale.platform_fee) == (Decimal("0.05"), Decimal("37.50"))


def test_accepting_declines_other_offers_and_notifies_all_sides(commit_and_capture: CommitAndCapture) -> None:
    product = make_product()
    accepted_offer, other_offer = make_offer(product), make_offer(product, price="745.00")
    countered = make_counter(make_offer(product, price="740.00"))
    with commit_and_capture() as events:
        sale = negotiation.accept_offer(actor=product.seller, offer_id=accepted_offer.pk)
    for declined in (other_offer, countered):
        declined.refresh_from_db()
        assert (declined.status, declined.close_reason) == (Status.DECLINED, Reason.ANOTHER_ACCEPTED)
        assert Notification.objects.filter(user=declined.buyer, kind="offer_closed").count() == 1
    received = offer_events(events)
    assert received.count((f"user.{product.seller_id}", "offer:declined")) == 2
    assert received[:2] == [
        (f"user.{accepted_offer.buyer_id}", "offer:accepted"),
        (f"user.{product.seller_id}", "offer:accepted"),
    ]
    assert received[-2:] == [
        (f"product.{product.pk}", "offer:feed"),
        (f"product.{product.pk}", "product:sold"),
    ]
    accepted = next(data for _, event, data in events if event == "offer:accepted")
    assert (accepted["status"], accepted["transactionId"]) == ("accepted", str(sale.pk))
    sold = next(data for _, event, data in events if event == "product:sold")
    assert set(sold) == {"productId", "streamId", "price", "currency", "timestamp"}
    last = accepted_offer.conversation.messages.order_by("-seq")[0]
    assert (last.message_type, last.content) == ("system", "Offer accepted: AED 750.00")
    notification = Notification.objects.get(user=accepted_offer.buyer, kind="offer_accepted")
    assert text_of(notification).title == "Offer of AED 750.00 accepted"


def test_accepting_expires_other_offers_past_their_expiry_time() -> None:
    product = make_product()
    with time_machine.travel(NOON, tick=False):
        late = make_offer(product)
    with time_machine.travel(NOON + timedelta(hours=24), tick=False):
        accepted_offer = make_offer(product, price="800.00")
        negotiation.accept_offer(actor=product.seller, offer_id=accepted_offer.pk)
    late.refresh_from_db()
    assert (late.status, late.close_reason) == (Status.EXPIRED, Reason.EXPIRED)


def test_second_accept_of_one_product_is_refused_and_changes_nothing() -> None:
    product = make_product()
    accepted_offer, other_offer = make_offer(product), make_offer(product, price="760.00")
    negotiation.accept_offer(actor=product.seller, offer_id=accepted_offer.pk)
    before = all_rows()
    for offer, code in ((accepted_offer, "offer_accepted"), (other_offer, "offer_declined")):
        with pytest.raises(Conflict) as refusal:
            negotiation.accept_offer(actor=product.seller, offer_id=offer.pk)
        assert refusal.value.code == code
    assert all_rows() == before


def test_recipient_answers_maker_withdraws_and_strangers_get_not_found() -> None:
    offer = make_offer()
    counter = make_counter(make_offer())
    before = all_rows()
    price = Decimal("760.00")
    for one in (offer, counter):
        maker, recipient, stranger = one.made_by, one.recipient, make_user()
        for act in (negotiation.accept_offer, negotiation.decline_offer):
            with pytest.raises(Forbidden) as refusal:
                act(actor=maker, offer_id=one.pk)
            assert refusal.value.code == "not_yours_to_answer"
            with pytest.raises(NotFound):
                act(actor=stranger, offer_id=one.pk)
        with pytest.raises(Forbidden):
            negotiation.counter_offer(actor=maker, offer_id=one.pk, offered_price=price)
        with pytest.raises(NotFound):
            negotiation.counter_offer(actor=stranger, offer_id=one.pk, offered_price=price)
        with pytest.raises(Forbidden) as refusal:
            negotiation.withdraw_offer(actor=recipient, offer_id=one.pk)
        assert refusal.value.code == "not_your_offer"
        with pytest.raises(NotFound):
            negotiation.withdraw_offer(actor=stranger, offer_id=one.pk)
    assert all_rows() == before


def test_offer_above_a_lowered_price_cannot_be_accepted() -> None:
    offer = make_offer(price="750.00")
    Product.objects.filter(pk=offer.product_id).update(
        price=Decimal(700), platform_fee=Decimal(35), seller_payout=Decimal(665)
    )
    before = all_rows()
    with pytest.raises(Conflict) as refusal:
        negotiation.accept_offer(actor=offer.seller, offer_id=offer.pk)
    assert refusal.value.code == "price_lowered"
    assert all_rows() == before
    assert make_counter(offer, price="700.00").status == Status.PENDING


def test_expired_offer_cannot_be_answered_or_withdrawn_before_the_job_ran() -> None:
    with time_machine.travel(NOON, tick=False):
        offer = make_offer()
    before = all_rows()
    acts: tuple[tuple[Any, Any, dict[str, Any]], ...] = (
        (negotiation.accept_offer, offer.seller, {}),
        (negotiation.decline_offer, offer.seller, {}),
        (negotiation.counter_offer, offer.seller, {"offered_price": Decimal(800)}),
        (negotiation.withdraw_offer, offer.buyer, {}),
    )
    with time_machine.travel(NOON + timedelta(hours=24), tick=False):
        for act, actor, fields in acts:
            with pytest.raises(Conflict) as refusal:
                act(actor=actor, offer_id=offer.pk, **fields)
            assert refusal.value.code == "offer_expired"
    assert all_rows() == before
    with time_machine.travel(NOON + timedelta(hours=24, microseconds=-1), tick=False):
        assert negotiation.accept_offer(actor=offer.seller, offer_id=offer.pk).status == "pending"


def test_declining_closes_the_offer_and_notifies_its_maker() -> None:
    offer = make_offer()
    negotiation.decline_offer(actor=offer.seller, offer_id=offer.pk)
    offer.refresh_from_db()
    assert (offer.status, offer.close_reason) == (Status.DECLINED, Reason.DECLINED)
    assert history(offer)[1:] == [("declined", offer.seller_id, "declined")]
    assert Notification.objects.filter(user=offer.buyer, kind="offer_declined").count() == 1


def test_counter_offers_alternate_until_one_is_accepted(commit_and_capture: CommitAndCapture) -> None:
    first = make_offer(price="700.00")
    with commit_and_capture() as events:
        second = make_counter(first, price="820.00", message="820 and it's yours")
    assert offer_events(events) == [
        (f"user.{first.buyer_id}", "offer:countered"),
        (f"user.{first.seller_id}", "offer:countered"),
        (f"user.{first.buyer_id}", "offer:new"),
        (f"user.{first.seller_id}", "offer:created"),
    ]
    third = make_counter(second, price="760.00")
    fourth = make_counter(third, price="780.00")
    sale = negotiation.accept_offer(actor=first.buyer, offer_id=fourth.pk)
    assert [one.made_by for one in (first, second, third, fourth)] == [
        first.buyer,
        first.seller,
        first.buyer,
        first.seller,
    ]
    assert (second.parent, third.parent, fourth.parent) == (first, second, third)
    assert (sale.price, sale.buyer, sale.seller) == (Decimal("780.00"), first.buyer, first.seller)
    statuses = Offer.objects.order_by("created_at").values_list("status", flat=True)
    assert list(statuses) == ["countered", "countered", "countered", "accepted"]
    types = first.conversation.messages.order_by("seq").values_list("message_type", flat=True)
    assert list(types) == ["offer", "offer", "offer", "offer", "system"]


def test_counter_above_asking_price_or_in_other_currency_is_refused() -> None:
    offer = make_offer()
    before = all_rows()
    for fields in ({"price": "850.01"}, {"currency": "USD"}):
        with pytest.raises(ValidationFailed):
            make_counter(offer, **fields)
    assert all_rows() == before


def test_withdrawn_offer_cannot_be_accepted() -> None:
    offer = make_offer()
    negotiation.withdraw_offer(actor=offer.buyer, offer_id=offer.pk)
    with pytest.raises(Conflict) as refusal:
        negotiation.accept_offer(actor=offer.seller, offer_id=offer.pk)
    assert refusal.value.code == "offer_withdrawn"


@pytest.mark.parametrize(
    ("made_in", "accepted_in", "rate"),
    [
        ("discover", "community", "0.15"),
        ("community", "discover", "0.15"),
        ("community", "community", "0.05"),
    ],
)
def test_sale_pays_the_higher_fee_of_the_feeds_it_was_offered_and_accepted_in(
    made_in: str, accepted_in: str, rate: str
) -> None:
    product = make_product(feed_type=made_in, video_url="https://example.com/video.m3u8")
    offer = make_offer(product)
    update_product(actor=product.seller, product_id=product.pk, changes={"feed_type": accepted_in})
    sale = negotiation.accept_offer(actor=product.seller, offer_id=offer.pk)
    assert sale.fee_rate == Decimal(rate)
    assert sale.platform_fee == (Decimal(750) * Decimal(rate)).quantize(Decimal("0.01"))


@pytest.mark.parametrize("way", ["new offer", "counter-offer", "withdrawn and offered again"])
def test_new_offer_after_a_move_to_the_cheaper_feed_keeps_the_fee_of_the_negotiation(way: str) -> None:
    product, buyer = make_product(feed_type="discover"), make_user()
    first = make_offer(product, buyer=buyer, price="700.00")
    if way.startswith("withdrawn"):
        negotiation.withdraw_offer(actor=buyer, offer_id=first.pk)
    update_product(actor=product.seller, product_id=product.pk, changes={"feed_type": "community"})
    if way == "counter-offer":
        offer = make_counter(first, price="750.00")
    else:
        offer = make_offer(product, buyer=buyer, price="750.00")
    sale = negotiation.accept_offer(actor=offer.recipient, offer_id=offer.pk)
    assert (sale.fee_rate, sale.platform_fee) == (Decimal("0.15"), Decimal("112.50"))


def test_cancelled_sale_and_a_second_one_in_the_cheaper_feed_pay_the_fee_of_the_first() -> None:
    product, buyer = make_product(feed_type="discover"), make_user()
    first = make_sale(product, buyer=buyer)
    sales.cancel_transaction(actor=product.seller, transaction_id=first.pk)
    update_product(actor=product.seller, product_id=product.pk, changes={"feed_type": "community"})
    assert make_sale(product, buyer=buyer).fee_rate == Decimal("0.15")
    sales.cancel_transaction(actor=buyer, transaction_id=product.transactions.get(status="pending").pk)
    product.refresh_from_db()
    assert product.left_discover_at is not None
    second = make_sale(product)  # to somebody who never saw it in Discover
    assert second.fee_rate == Decimal("0.15")
    sales.cancel_transaction(actor=product.seller, transaction_id=second.pk)
    with time_machine.travel(product.left_discover_at + settings.OFFER_FEE_KEPT_FOR, tick=False):
        assert make_sale(product).fee_rate == Decimal("0.05")


def test_moving_a_product_to_discover_and_back_while_an_offer_is_open_costs_the_fee_of_discover() -> None:
    product = make_product(video_url="https://example.com/video.m3u8")
    offer = make_offer(product)
    for feed_type in ("discover", "community"):
        update_product(actor=product.seller, product_id=product.pk, changes={"feed_type": feed_type})
    sale = negotiation.accept_offer(actor=product.seller, offer_id=offer.pk)
    assert (offer.fee_feed_type, sale.fee_rate) == ("community", Decimal("0.15"))
