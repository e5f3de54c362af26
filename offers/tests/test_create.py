"""Making an offer: rows, events, refusals and the seller's price rules."""

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
from notifications.tests.factories import text_of
from offers.models import Offer
from offers.services import negotiation
from offers.tests.conftest import CommitAndCapture, all_rows, history, offer_events
from offers.tests.factories import make_counter, make_offer
from soukloop.core.errors import Conflict, DomainError, Forbidden, NotFound, RateLimited, ValidationFailed

pytestmark = pytest.mark.django_db
Status, Reason = Offer.Status, Offer.CloseReason
NOON = datetime(2025, 10, 18, 12, tzinfo=UTC)


@time_machine.travel(NOON, tick=False)
def test_offer_expires_after_24_hours_and_keeps_the_asking_price() -> None:
    product, buyer = make_product(price="850.00"), make_user()
    offer = make_offer(product, buyer=buyer, price="750.00", message="I can pick up today.")
    offer.refresh_from_db()
    assert (offer.buyer, offer.seller, offer.made_by) == (buyer, product.seller, buyer)
    assert (offer.offered_price, offer.original_price, offer.currency) == (Decimal(750), Decimal(850), "AED")
    assert (offer.status, offer.created_at, offer.expires_at) == ("pending", NOON, NOON + timedelta(hours=24))
    assert history(offer) == [("created", buyer.pk, "")]


def test_offer_is_posted_in_the_conversation_which_is_created_if_missing() -> None:
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
    assert message.shown_data == message.data | {"price": Decimal("750.00")}
    assert conversation.unread_count_seller == 1
    second = make_offer(product, buyer=buyer, price="760.00")
    assert second.conversation == conversation


def test_offer_is_published_to_both_sides_and_without_the_buyer_to_watchers(
    commit_and_capture: CommitAndCapture,
) -> None:
    product, buyer = make_product(), make_user(username="shybuyer", full_name="Shy Buyer")
    with commit_and_capture() as events:
        offer = make_offer(product, buyer=buyer)
    assert offer_events(events) == [
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
    assert text_of(notification).title == "@shybuyer offers AED 750.00"
    assert notification.data["offer_id"] == str(offer.pk)


def test_offers_on_a_product_shown_live_are_published_to_its_stream_and_keep_its_id(
    commit_and_capture: CommitAndCapture,
) -> None:
    stream_id = "0b4f4e9e-2a86-4c0f-9a8e-d0a3a4f1c7aa"
    product = make_product(live_stream_id=stream_id)
    with commit_and_capture() as events:
        offer = make_offer(product)
        sale = negotiation.accept_offer(actor=product.seller, offer_id=offer.pk)
    published = [(event, data.get("status")) for room, event, data in events if room == f"stream.{stream_id}"]
    assert published == [("offer:feed", "pending"), ("offer:feed", "accepted"), ("product:sold", None)]
    assert str(offer.stream_id) == str(sale.stream_id) == stream_id


def test_new_offer_replaces_the_buyers_pending_offer(commit_and_capture: CommitAndCapture) -> None:
    product, buyer = make_product(), make_user()
    first = make_offer(product, buyer=buyer, price="700.00")
    with commit_and_capture() as events:
        second = make_offer(product, buyer=buyer, price="720.00")
    first.refresh_from_db()
    assert (first.status, first.close_reason) == (Status.WITHDRAWN, Reason.REPLACED)
    assert second.status == Status.PENDING
    assert history(first) == [("created", buyer.pk, ""), ("withdrawn", buyer.pk, "replaced")]
    assert [name for _, name in offer_events(events)] == [
        "offer:withdrawn",
        "offer:withdrawn",
        "offer:created",
        "offer:new",
        "offer:feed",
    ]


def test_new_offer_answers_the_sellers_pending_counter_offer() -> None:
    offer = make_offer(price="700.00")
    counter = make_counter(offer, price="800.00")
    answer = make_offer(offer.product, buyer=offer.buyer, price="760.00")
    counter.refresh_from_db()
    assert (counter.status, counter.close_reason) == (Status.COUNTERED, Reason.COUNTERED)
    assert answer.parent == counter


def test_new_offer_expires_the_buyers_offer_past_its_expiry_time() -> None:
    with time_machine.travel(NOON, tick=False):
        first = make_offer()
    with time_machine.travel(NOON + timedelta(hours=25), tick=False):
        second = make_offer(first.product, buyer=first.buyer)
    first.refresh_from_db()
    assert (first.status, first.close_reason) == (Status.EXPIRED, Reason.EXPIRED)
    assert second.status == Status.PENDING


def test_repeated_client_offer_id_returns_the_first_offer() -> None:
    product, buyer = make_product(), make_user()
    first = make_offer(product, buyer=buyer, client_offer_id="phone-1")
    assert make_offer(product, buyer=buyer, client_offer_id="phone-1") == first
    assert make_offer(product, buyer=make_user(), client_offer_id="phone-1") != first
    assert Offer.objects.filter(buyer=buyer).count() == 1


def refused(error: type[DomainError], code: str, product: Product, **fields: Any) -> DomainError:
    """Assert that making an offer is refused with this error and changes nothing; return the error."""
    before = all_rows()
    messages = Message.objects.count()
    with pytest.raises(error) as refusal:
        make_offer(product, **fields)
    assert refusal.value.code == code
    assert all_rows() == before
    assert Message.objects.count() == messages
    return refusal.value


def test_seller_cannot_offer_on_own_product() -> None:
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
def test_offer_on_a_product_that_is_not_on_sale_is_refused(
    status: str, error: type[DomainError], code: str
) -> None:
    refused(error, code, make_product(status=status, sold_at=timezone.now() if status == "sold" else None))


def test_offer_is_refused_whichever_side_blocked_the_other() -> None:
    product, buyer, other = make_product(), make_user(), make_user()
    block(product.seller, buyer)
    block(other, product.seller)
    refused(NotFound, "product_not_found", product, buyer=buyer)
    refused(NotFound, "product_not_found", product, buyer=other)


def test_offer_on_a_product_that_accepts_no_offers_is_refused() -> None:
    refused(Conflict, "offers_disabled", make_product(accepts_offers=False))


def test_offer_in_another_currency_is_refused() -> None:
    error = refused(ValidationFailed, "validation_error", make_product(), currency="USD")
    assert error.details == {"currency": ["This product is sold in AED."]}


def test_offer_above_the_asking_price_is_refused() -> None:
    product = make_product(price="850.00")
    error = refused(ValidationFailed, "validation_error", product, price="850.01")
    assert error.details == {"offered_price": ["The offer can't be above the asking price of AED 850.00."]}
    assert make_offer(product, price="850.00").status == Status.PENDING


def test_offer_at_the_auto_accept_price_is_accepted_at_once() -> None:
    product = make_product(auto_accept_price=Decimal("800.00"))
    rival = make_offer(product, price="799.99")
    offer = make_offer(product, price="800.00")
    rival.refresh_from_db()
    assert (offer.status, rival.status) == (Status.ACCEPTED, Status.DECLINED)
    assert offer.sale is not None
    assert (offer.sale.price, offer.sale.platform_fee) == (Decimal("800.00"), Decimal("40.00"))
    assert history(offer)[1:] == [("accepted", None, "accepted")]
    notified = Notification.objects.filter(kind="offer_accepted").values_list("user", flat=True)
    assert set(notified) == {offer.buyer_id, offer.seller_id}


def test_price_rules_apply_to_the_buyers_counter_offers_only() -> None:
    product = make_product(min_offer_price=Decimal("700.00"), auto_accept_price=Decimal("800.00"))
    counter = make_counter(make_offer(product, price="750.00"), price="830.00")
    assert counter.status == Status.PENDING
    assert make_counter(counter, price="810.00").status == Status.ACCEPTED


def test_offers_that_replace_each_other_are_one_unread_notification() -> None:
    product, buyer, rival = (
        make_product(price="850.00"),
        make_user(username="noura"),
        make_user(username="omar"),
    )
    for price in ("700.00", "710.00", "720.00"):
        offer = make_offer(product, buyer=buyer, price=price)
    negotiation.withdraw_offer(actor=buyer, offer_id=offer.pk)
    make_offer(product, buyer=buyer, price="730.00")
    make_offer(product, buyer=rival, price="740.00")
    inbox = Notification.objects.of(product.seller_id).order_by("created_at")
    assert [text_of(row).title for row in inbox] == ["@noura offers AED 730.00", "@omar offers AED 740.00"]


def test_a_counter_offer_replaces_the_unread_notification_of_the_one_before() -> None:
    product, buyer = make_product(price="850.00"), make_user()
    counter = make_counter(make_offer(product, buyer=buyer, price="700.00"), price="800.00")
    make_counter(counter, price="750.00")
    [to_seller] = Notification.objects.of(product.seller_id)
    assert to_seller.kind == "offer_countered"
    assert text_of(to_seller).title == f"@{buyer.username} offers AED 750.00"
    [to_buyer] = Notification.objects.of(buyer.pk)
    assert to_buyer.kind == "offer_countered"


def test_a_read_notification_of_an_offer_is_followed_by_a_new_one() -> None:
    product, buyer = make_product(price="850.00"), make_user()
    make_offer(product, buyer=buyer, price="700.00")
    Notification.objects.update(read_at=timezone.now())
    make_offer(product, buyer=buyer, price="710.00")
    assert Notification.objects.of(product.seller_id).count() == 2
    assert Notification.objects.of(product.seller_id).unread().count() == 1


def test_offers_reach_at_most_ten_new_people_a_day_of_an_account_without_a_confirmed_contact() -> None:
    buyer, product = make_user(is_verified=False), make_product()
    for _ in range(10):
        make_offer(buyer=buyer)
    with pytest.raises(RateLimited, match="10 new people a day"):
        make_offer(product, buyer=buyer)
    assert not Offer.objects.filter(product=product).exists()
    assert not Notification.objects.of(product.seller_id).exists()
    known = Offer.objects.earliest("created_at").seller
    assert make_offer(make_product(seller=known), buyer=buyer).seller == known
