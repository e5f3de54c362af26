"""Making an offer: what it leaves, who hears of it, who may not, the seller's own rules."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from accounts.tests.factories import block, make_user
from chat.models import Conversation, Message
from listings.models import Product
from listings.tests.factories import make_product
from notifications.models import Notification
from offers.models import Offer
from offers.services import negotiation
from offers.tests.conftest import Sent, history, names, snapshot
from offers.tests.factories import make_counter, make_offer
from soukloop.core.errors import Conflict, DomainError, Forbidden, NotFound, ValidationFailed

pytestmark = pytest.mark.django_db
Status, Reason = Offer.Status, Offer.CloseReason
NOON = datetime(2025, 10, 18, 12, tzinfo=UTC)


@time_machine.travel(NOON, tick=False)
def test_an_offer_stands_for_24_hours_beside_the_asking_price() -> None:
    product, buyer = make_product(price="850.00"), make_user()
    offer = make_offer(product, buyer=buyer, price="750.00", message="I can pick up today.")
    offer.refresh_from_db()
    assert (offer.buyer, offer.seller, offer.made_by) == (buyer, product.seller, buyer)
    assert (offer.offered_price, offer.original_price, offer.currency) == (Decimal(750), Decimal(850), "AED")
    assert (offer.status, offer.created_at, offer.expires_at) == ("pending", NOON, NOON + timedelta(hours=24))
    assert history(offer) == [("created", buyer.pk, "")]


def test_an_offer_is_a_message_in_the_conversation_which_is_made_if_missing() -> None:
    product, buyer = make_product(), make_user()
    offer = make_offer(product, buyer=buyer, message="I can pick up today.")
    conversation = Conversation.objects.get(buyer=buyer, seller=product.seller, product=product)
    assert offer.conversation == conversation
    message = conversation.messages.get()
    assert (message.message_type, message.sender, message.content) == ("offer", buyer, "I can pick up today.")
    assert message.data == {
        "offer_id": str(offer.pk),
        "offered_price": "750.00",
        "currency": "AED",
        "parent_id": None,
    }
    assert conversation.unread_count_seller == 1
    second = make_offer(product, buyer=buyer, price="760.00")
    assert second.conversation == conversation


def test_the_maker_the_other_side_and_onlookers_hear_of_an_offer_and_only_the_sides_who_made_it(
    sent: Sent,
) -> None:
    product, buyer = make_product(), make_user(username="shybuyer", full_name="Shy Buyer")
    with sent() as events:
        offer = make_offer(product, buyer=buyer)
    assert names(events) == [
        (f"user.{buyer.pk}", "offer:created"),
        (f"user.{product.seller_id}", "offer:new"),
        (f"product.{product.pk}", "offer:feed"),
    ]
    assert next(data for room, _, data in events if room.startswith("product.")) == {
        "productId": str(product.pk),
        "streamId": None,
        "offeredPrice": 750.0,
        "currency": "AED",
        "status": "pending",
        "timestamp": next(data["timestamp"] for _, name, data in events if name == "offer:new"),
    }
    notification = Notification.objects.get(user=product.seller, kind="offer_new")
    assert notification.title == "@shybuyer offers AED 750.00"
    assert notification.data["offer_id"] == str(offer.pk)


def test_while_a_product_is_on_air_its_stream_hears_the_offers_and_is_noted(sent: Sent) -> None:
    stream_id = "0b4f4e9e-2a86-4c0f-9a8e-d0a3a4f1c7aa"
    product = make_product(live_stream_id=stream_id)
    with sent() as events:
        offer = make_offer(product)
        sale = negotiation.accept_offer(actor=product.seller, offer_id=offer.pk)
    heard = [(event, data.get("status")) for room, event, data in events if room == f"stream.{stream_id}"]
    assert heard == [("offer:feed", "pending"), ("offer:feed", "accepted"), ("product:sold", None)]
    assert str(offer.stream_id) == str(sale.stream_id) == stream_id


def test_a_new_offer_of_the_same_buyer_takes_the_place_of_the_open_one(sent: Sent) -> None:
    product, buyer = make_product(), make_user()
    first = make_offer(product, buyer=buyer, price="700.00")
    with sent() as events:
        second = make_offer(product, buyer=buyer, price="720.00")
    first.refresh_from_db()
    assert (first.status, first.close_reason) == (Status.WITHDRAWN, Reason.REPLACED)
    assert second.status == Status.PENDING
    assert history(first) == [("created", buyer.pk, ""), ("withdrawn", buyer.pk, "replaced")]
    assert [name for _, name in names(events)] == [
        "offer:withdrawn",
        "offer:withdrawn",
        "offer:created",
        "offer:new",
        "offer:feed",
    ]


def test_a_new_offer_while_the_sellers_counter_is_open_answers_it() -> None:
    offer = make_offer(price="700.00")
    counter = make_counter(offer, price="800.00")
    answer = make_offer(offer.product, buyer=offer.buyer, price="760.00")
    counter.refresh_from_db()
    assert (counter.status, counter.close_reason) == (Status.COUNTERED, Reason.COUNTERED)
    assert answer.parent == counter


def test_a_new_offer_after_an_old_one_ran_out_expires_that_one() -> None:
    with time_machine.travel(NOON, tick=False):
        first = make_offer()
    with time_machine.travel(NOON + timedelta(hours=25), tick=False):
        second = make_offer(first.product, buyer=first.buyer)
    first.refresh_from_db()
    assert (first.status, first.close_reason) == (Status.EXPIRED, Reason.EXPIRED)
    assert second.status == Status.PENDING


def test_an_offer_of_the_same_client_id_is_the_same_offer() -> None:
    product, buyer = make_product(), make_user()
    first = make_offer(product, buyer=buyer, client_offer_id="phone-1")
    assert make_offer(product, buyer=buyer, client_offer_id="phone-1") == first
    assert make_offer(product, buyer=make_user(), client_offer_id="phone-1") != first
    assert Offer.objects.filter(buyer=buyer).count() == 1


def refused(error: type[DomainError], code: str, product: Product, **fields: Any) -> DomainError:
    before = snapshot()
    messages = Message.objects.count()
    with pytest.raises(error) as refusal:
        make_offer(product, **fields)
    assert refusal.value.code == code
    assert snapshot() == before
    assert Message.objects.count() == messages
    return refusal.value


def test_nobody_bids_on_their_own_product() -> None:
    product = make_product()
    refused(Forbidden, "own_product", product, buyer=product.seller)


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        ("sold", Conflict, "product_not_available"),
        ("reserved", Conflict, "product_not_available"),
        ("hidden", NotFound, "product_not_found"),
        ("deleted", NotFound, "product_not_found"),
    ],
)
def test_there_are_no_offers_on_what_is_not_for_sale(
    status: str, error: type[DomainError], code: str
) -> None:
    refused(error, code, make_product(status=status, sold_at=timezone.now() if status == "sold" else None))


def test_there_are_no_offers_across_a_block_either_way() -> None:
    product, buyer, other = make_product(), make_user(), make_user()
    block(product.seller, buyer)
    block(other, product.seller)
    refused(NotFound, "product_not_found", product, buyer=buyer)
    refused(NotFound, "product_not_found", product, buyer=other)


def test_there_are_no_offers_where_the_seller_wants_none() -> None:
    refused(Conflict, "offers_disabled", make_product(accepts_offers=False))


def test_the_currency_must_be_the_products() -> None:
    error = refused(ValidationFailed, "validation_error", make_product(), currency="USD")
    assert error.details == {"currency": ["This product is sold in AED."]}


def test_an_offer_above_the_asking_price_is_a_slip_and_refused() -> None:
    product = make_product(price="850.00")
    error = refused(ValidationFailed, "validation_error", product, price="850.01")
    assert error.details == {"offered_price": ["The asking price is AED 850.00; offer at most that."]}
    assert make_offer(product, price="850.00").status == Status.PENDING


def test_an_offer_below_the_minimum_is_declined_and_the_buyer_does_not_learn_why(sent: Sent) -> None:
    product, buyer = make_product(min_offer_price=Decimal("700.00")), make_user()
    with sent() as events:
        offer = make_offer(product, buyer=buyer, price="699.99")
    assert (offer.status, offer.close_reason) == (Status.DECLINED, Reason.BELOW_MINIMUM)
    assert offer.close_reason_for(buyer) == Reason.DECLINED
    assert offer.close_reason_for(product.seller) == Reason.BELOW_MINIMUM
    assert names(events) == [
        (f"user.{buyer.pk}", "offer:created"),
        (f"user.{product.seller_id}", "offer:new"),
        (f"user.{buyer.pk}", "offer:declined"),
        (f"user.{product.seller_id}", "offer:declined"),
    ]
    reasons = {room: data["closeReason"] for room, event, data in events if event == "offer:declined"}
    assert reasons == {f"user.{buyer.pk}": "declined", f"user.{product.seller_id}": "below_minimum"}
    assert not Notification.objects.filter(user=product.seller, kind="offer_new").exists()
    assert make_offer(product, buyer=buyer, price="700.00").status == Status.PENDING


def test_an_offer_from_the_auto_accept_price_up_is_accepted_at_once() -> None:
    product = make_product(auto_accept_price=Decimal("800.00"))
    rival = make_offer(product, price="799.99")
    offer = make_offer(product, price="800.00")
    rival.refresh_from_db()
    assert (offer.status, rival.status) == (Status.ACCEPTED, Status.DECLINED)
    assert offer.sale is not None
    assert (offer.sale.price, offer.sale.platform_fee) == (Decimal("800.00"), Decimal("40.00"))
    assert history(offer)[1:] == [("accepted", None, "accepted")]
    told = Notification.objects.filter(kind="offer_accepted").values_list("user", flat=True)
    assert set(told) == {offer.buyer_id, offer.seller_id}


def test_the_sellers_rules_speak_to_a_buyers_counter_but_not_to_the_sellers_own() -> None:
    product = make_product(min_offer_price=Decimal("700.00"), auto_accept_price=Decimal("800.00"))
    counter = make_counter(make_offer(product, price="750.00"), price="830.00")
    assert counter.status == Status.PENDING
    assert make_counter(counter, price="810.00").status == Status.ACCEPTED
