"""Offers and sales, one act at a time."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.tests.factories import block, make_seller, make_staff, make_user
from chat.models import Conversation, Message
from listings.models import Product
from listings.services import delete_product, hide_product
from listings.tests.factories import make_product
from notifications.models import Notification
from offers.models import Offer, OfferEvent, Transaction
from offers.services import negotiation, sales
from offers.tests.conftest import Sent, snapshot
from offers.tests.factories import make_counter, make_offer, make_sale
from soukloop.core.errors import Conflict, DomainError, Forbidden, NotFound, ValidationFailed

pytestmark = pytest.mark.django_db
Status, Reason = Offer.Status, Offer.CloseReason
NOON = datetime(2025, 10, 18, 12, tzinfo=UTC)


def history(offer: Offer) -> list[tuple[str, Any, str]]:
    return list(offer.history.values_list("kind", "actor", "reason"))


def names(events: list[tuple[str, str, dict[str, Any]]]) -> list[tuple[str, str]]:
    return [(room, event) for room, event, _ in events if event.startswith(("offer:", "product:"))]


# --- Making -----------------------------------------------------------------------------------------------


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


# --- The seller's own rules -------------------------------------------------------------------------------


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


# --- Accepting --------------------------------------------------------------------------------------------


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
def test_fee_and_payout_always_make_the_price(feed_type: str, price: str, fee: str, payout: str) -> None:
    sale = make_sale(make_product(price=price, feed_type=feed_type), price=price)
    assert (sale.platform_fee, sale.seller_payout) == (Decimal(fee), Decimal(payout))


def test_the_fee_of_a_sale_stays_when_the_rates_change(settings: Any) -> None:
    sale = make_sale()
    settings.FEE_RATES = {"community": "0.20", "discover": "0.30"}
    sale.refresh_from_db()
    assert (sale.fee_rate, sale.platform_fee) == (Decimal("0.05"), Decimal("37.50"))


def test_rivals_are_declined_with_a_reason_and_everyone_hears_of_the_sale(sent: Sent) -> None:
    product = make_product()
    winner, rival = make_offer(product), make_offer(product, price="745.00")
    countered = make_counter(make_offer(product, price="740.00"))
    with sent() as events:
        sale = negotiation.accept_offer(actor=product.seller, offer_id=winner.pk)
    for loser in (rival, countered):
        loser.refresh_from_db()
        assert (loser.status, loser.close_reason) == (Status.DECLINED, Reason.ANOTHER_ACCEPTED)
        assert Notification.objects.filter(user=loser.buyer, kind="offer_declined").count() == 1
    heard = names(events)
    assert heard.count((f"user.{product.seller_id}", "offer:declined")) == 2
    assert heard[:2] == [
        (f"user.{winner.buyer_id}", "offer:accepted"),
        (f"user.{product.seller_id}", "offer:accepted"),
    ]
    assert heard[-2:] == [(f"product.{product.pk}", "offer:feed"), (f"product.{product.pk}", "product:sold")]
    accepted = next(data for _, event, data in events if event == "offer:accepted")
    assert (accepted["status"], accepted["transactionId"]) == ("accepted", str(sale.pk))
    sold = next(data for _, event, data in events if event == "product:sold")
    assert set(sold) == {"productId", "streamId", "price", "currency", "timestamp"}
    last = winner.conversation.messages.order_by("-seq")[0]
    assert (last.message_type, last.content) == ("system", "Offer accepted: AED 750.00")
    assert Notification.objects.get(user=winner.buyer, kind="offer_accepted").title == (
        "Offer of AED 750.00 accepted"
    )


def test_a_rival_past_its_time_is_expired_not_declined() -> None:
    product = make_product()
    with time_machine.travel(NOON, tick=False):
        late = make_offer(product)
    with time_machine.travel(NOON + timedelta(hours=24), tick=False):
        winner = make_offer(product, price="800.00")
        negotiation.accept_offer(actor=product.seller, offer_id=winner.pk)
    late.refresh_from_db()
    assert (late.status, late.close_reason) == (Status.EXPIRED, Reason.EXPIRED)


def test_second_accept_of_one_product_is_refused_and_changes_nothing() -> None:
    product = make_product()
    winner, rival = make_offer(product), make_offer(product, price="760.00")
    negotiation.accept_offer(actor=product.seller, offer_id=winner.pk)
    before = snapshot()
    for offer, code in ((winner, "offer_accepted"), (rival, "offer_declined")):
        with pytest.raises(Conflict) as refusal:
            negotiation.accept_offer(actor=product.seller, offer_id=offer.pk)
        assert refusal.value.code == code
    assert snapshot() == before


def test_only_the_other_side_answers_only_the_maker_withdraws_and_strangers_find_nothing() -> None:
    offer = make_offer()
    counter = make_counter(make_offer())
    before = snapshot()
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
    assert snapshot() == before


def test_an_offer_is_not_accepted_at_more_than_the_product_costs_by_now() -> None:
    offer = make_offer(price="750.00")
    Product.objects.filter(pk=offer.product_id).update(
        price=Decimal(700), platform_fee=Decimal(35), seller_payout=Decimal(665)
    )
    before = snapshot()
    with pytest.raises(Conflict) as refusal:
        negotiation.accept_offer(actor=offer.seller, offer_id=offer.pk)
    assert refusal.value.code == "price_lowered"
    assert snapshot() == before
    assert make_counter(offer, price="700.00").status == Status.PENDING


def test_an_offer_past_its_time_can_not_be_answered_nor_withdrawn_though_no_job_ran() -> None:
    with time_machine.travel(NOON, tick=False):
        offer = make_offer()
    before = snapshot()
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
    assert snapshot() == before
    with time_machine.travel(NOON + timedelta(hours=24, microseconds=-1), tick=False):
        assert negotiation.accept_offer(actor=offer.seller, offer_id=offer.pk).status == "pending"


# --- Declining, countering, withdrawing --------------------------------------------------------------------


def test_a_declined_offer_is_closed_and_its_maker_told() -> None:
    offer = make_offer()
    negotiation.decline_offer(actor=offer.seller, offer_id=offer.pk)
    offer.refresh_from_db()
    assert (offer.status, offer.close_reason) == (Status.DECLINED, Reason.DECLINED)
    assert history(offer)[1:] == [("declined", offer.seller_id, "declined")]
    assert Notification.objects.filter(user=offer.buyer, kind="offer_declined").count() == 1


def test_counters_go_back_and_forth_until_one_is_accepted(sent: Sent) -> None:
    first = make_offer(price="700.00")
    with sent() as events:
        second = make_counter(first, price="820.00", message="820 and it's yours")
    assert names(events) == [
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


def test_a_counter_keeps_to_the_asking_price_and_the_currency() -> None:
    offer = make_offer()
    before = snapshot()
    for fields in ({"price": "850.01"}, {"currency": "USD"}):
        with pytest.raises(ValidationFailed):
            make_counter(offer, **fields)
    assert snapshot() == before


def test_a_withdrawn_offer_can_not_be_accepted() -> None:
    offer = make_offer()
    negotiation.withdraw_offer(actor=offer.buyer, offer_id=offer.pk)
    with pytest.raises(Conflict) as refusal:
        negotiation.accept_offer(actor=offer.seller, offer_id=offer.pk)
    assert refusal.value.code == "offer_withdrawn"


# --- Cancelling a sale --------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["buyer", "seller"])
def test_either_side_may_cancel_and_the_product_is_on_sale_again(side: str, sent: Sent) -> None:
    sale = make_sale()
    actor = getattr(sale, side)
    with sent() as events:
        sales.cancel_transaction(actor=actor, transaction_id=sale.pk, reason="changed my mind")
    sale = Transaction.objects.select_related("product", "offer").get(pk=sale.pk)
    assert (sale.status, sale.closed_by, sale.close_reason) == ("cancelled", actor, "changed my mind")
    assert (sale.offer.status, sale.offer.close_reason) == (Status.CANCELLED, Reason.SALE_CANCELLED)
    assert (sale.product.status, sale.product.sold_at) == ("active", None)
    assert names(events) == [
        (f"user.{sale.buyer_id}", "offer:cancelled"),
        (f"user.{sale.seller_id}", "offer:cancelled"),
    ]
    again = make_sale(sale.product)
    assert again.product == sale.product


def test_a_sale_is_cancelled_once_and_by_nobody_else() -> None:
    sale = make_sale()
    before = snapshot()
    with pytest.raises(NotFound):
        sales.cancel_transaction(actor=make_user(), transaction_id=sale.pk)
    assert snapshot() == before
    sales.cancel_transaction(actor=sale.buyer, transaction_id=sale.pk)
    before = snapshot()
    with pytest.raises(Conflict) as refusal:
        sales.cancel_transaction(actor=sale.seller, transaction_id=sale.pk)
    assert refusal.value.code == "transaction_cancelled"
    assert snapshot() == before


def test_a_completed_sale_is_not_cancelled() -> None:
    sale = make_sale()
    Transaction.objects.filter(pk=sale.pk).update(status="completed", closed_at=timezone.now())
    with pytest.raises(Conflict) as refusal:
        sales.cancel_transaction(actor=sale.seller, transaction_id=sale.pk)
    assert refusal.value.code == "transaction_completed"


def test_a_sold_product_that_staff_hid_stays_hidden_when_its_sale_is_cancelled() -> None:
    sale = make_sale()
    staff = make_staff()
    hide_product(actor=staff, product_id=sale.product_id, reason="Counterfeit")
    sales.cancel_transaction(actor=sale.buyer, transaction_id=sale.pk)
    product = Product.objects.get(pk=sale.product_id)
    assert (product.status, product.sold_at) == ("hidden", None)


# --- What closes offers from outside -------------------------------------------------------------------


@pytest.mark.parametrize("withdraw", ["delete", "hide"])
def test_open_offers_end_with_their_product(withdraw: str, sent: Sent) -> None:
    product = make_product()
    offer, counter = make_offer(product), make_counter(make_offer(product))
    with sent() as events:
        if withdraw == "delete":
            delete_product(actor=product.seller, product_id=product.pk)
        else:
            hide_product(actor=make_staff(), product_id=product.pk, reason="Counterfeit")
    for one in (offer, counter):
        one.refresh_from_db()
        assert (one.status, one.close_reason) == (Status.DECLINED, Reason.PRODUCT_UNAVAILABLE)
    assert [event for _, event in names(events)].count("offer:declined") == 4


def test_a_closed_account_can_not_win() -> None:
    offer = make_offer()
    offer.buyer.__class__.objects.filter(pk=offer.buyer_id).update(is_active=False, banned_at=timezone.now())
    before = snapshot()
    with pytest.raises(Conflict) as refusal:
        negotiation.accept_offer(actor=offer.seller, offer_id=offer.pk)
    assert refusal.value.code == "party_unavailable"
    assert snapshot() == before


def test_what_a_closed_seller_sold_is_no_longer_to_be_had() -> None:
    offer = make_offer()
    Product.objects.filter(pk=offer.product_id).update(seller_closed=True)
    before = snapshot()
    with pytest.raises(Conflict) as refusal:
        negotiation.accept_offer(actor=offer.seller, offer_id=offer.pk)
    assert refusal.value.code == "product_not_available"
    with pytest.raises(Conflict):
        make_counter(offer)
    assert snapshot() == before


def test_across_a_block_an_open_offer_is_gone_and_a_sale_stays() -> None:
    offer, sale = make_offer(), make_sale()
    block(offer.buyer, offer.seller)
    block(sale.seller, sale.buyer)
    before = snapshot()
    with pytest.raises(NotFound):
        negotiation.accept_offer(actor=offer.seller, offer_id=offer.pk)
    assert snapshot() == before
    assert sales.cancel_transaction(actor=sale.buyer, transaction_id=sale.pk).status == "cancelled"


# --- What the database itself refuses ------------------------------------------------------------------


def test_the_database_holds_one_winner_and_one_open_offer_and_sums_that_add_up() -> None:
    product = make_product()
    first, second = make_offer(product), make_offer(product)
    closed = {"closed_at": timezone.now(), "close_reason": "accepted"}
    Offer.objects.filter(pk=first.pk).update(status="accepted", **closed)
    sale = make_sale()
    writes = (
        lambda: Offer.objects.filter(pk=second.pk).update(status="accepted", **closed),
        lambda: Offer.objects.filter(pk=second.pk).update(status="declined"),
        lambda: Offer.objects.filter(pk=second.pk).update(made_by=make_seller()),
        lambda: Offer.objects.filter(pk=second.pk).update(offered_price=0),
        lambda: Offer.objects.create(
            **{
                field.attname: getattr(second, field.attname)
                for field in Offer._meta.concrete_fields
                if field.name != "id"
            }
        ),
        lambda: Transaction.objects.filter(pk=sale.pk).update(platform_fee=Decimal("37.51")),
        lambda: OfferEvent.objects.create(offer=first, kind="created", created_at=timezone.now()),
    )
    for write in writes:
        with pytest.raises(IntegrityError), transaction.atomic():
            write()
