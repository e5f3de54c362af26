"""Disputes: who may do what in which state, what is decided, and what becomes of the order and the money."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import client_for, make_staff, make_user
from chat.models import Message
from livestream.models import Clip, ProductTag, Replay, StreamProduct
from livestream.tests.factories import make_live_stream
from notifications.models import Notification
from orders.models import Dispute, DisputeEvidence, Order, OrderEvent
from orders.services import closing, disputes
from orders.tests.dispute_factories import (
    TEXT,
    decide,
    make_delivered_order,
    make_dispute,
    move_refund_of,
    payment_of,
    upload_picture,
)
from orders.tests.factories import make_order
from payments.models import Chargeback, Refund
from payments.providers.base import ChargebackState
from payments.services.advance.chargebacks import advance_chargeback
from soukloop.core.errors import DomainError, ValidationFailed

pytestmark = pytest.mark.django_db
URL = "/api/v1/disputes"
State = Order.State
DISPUTABLE = {State.HANDED_OVER, State.SHIPPED, State.DELIVERED}


def outcome(call: Callable[[], Any]) -> str:
    """Return "ok" or the error's code, and undo what was done."""
    try:
        with transaction.atomic():
            call()
            transaction.set_rollback(True)
    except DomainError as refused:
        return str(refused.code)
    return "ok"


def state_of(order: Order) -> str:
    order.refresh_from_db()
    return order.state


def refunds_of(order: Order) -> list[tuple[int, str, str]]:
    refunds = Refund.objects.filter(payment__reference=order.pk).order_by("created_at")
    return list(refunds.values_list("amount", "reason", "state"))


def due_of(order: Order) -> datetime:
    """Return when an order completes by itself."""
    order.refresh_from_db()
    assert order.completes_at is not None
    return order.completes_at


def whats(order: Order) -> list[str]:
    return list(OrderEvent.objects.filter(order=order).order_by("id").values_list("what", flat=True))


def told(person: User) -> list[str]:
    kinds = Notification.objects.filter(user=person, kind__startswith="dispute_")
    return list(kinds.order_by("created_at").values_list("kind", flat=True))


def order_by_card(state: str) -> Order:
    in_person = state == State.AUTHORISED
    ships = state in {State.PAID, State.SHIPPED, State.DELIVERED}
    return make_order(
        payment_method="in_person" if in_person else "card",
        delivery="shipping" if ships else "meet_up",
        state=None if state in {State.PENDING_PAYMENT, State.AUTHORISED} else state,
    )


# --- Who may do what


@pytest.mark.parametrize("state", State.values)
def test_only_the_buyer_disputes_an_order_that_was_handed_over_or_sent(state: str) -> None:
    order = order_by_card(state)
    assert state_of(order) == state

    def attempt(person: User) -> str:
        opening = {"reason": "damaged", "text": TEXT}
        return outcome(lambda: disputes.open_dispute(actor=person, order_id=order.pk, **opening))

    expected = "ok" if state in DISPUTABLE else f"order_{state}"
    assert [attempt(order.buyer), attempt(order.seller), attempt(make_user()), attempt(make_staff())] == [
        expected,
        "not_the_buyer",
        "order_not_found",
        "order_not_found",
    ]


@pytest.mark.parametrize("closed", [None, "withdrawn", "accepted", "decided"])
def test_each_side_does_with_a_dispute_only_what_its_state_allows(closed: str | None) -> None:
    dispute = make_dispute()
    match closed:
        case "withdrawn":
            disputes.withdraw_dispute(actor=dispute.order.buyer, dispute_id=dispute.pk)
        case "accepted":
            disputes.accept_dispute(actor=dispute.order.seller, dispute_id=dispute.pk)
        case "decided":
            decide(dispute, "full_refund")
    order = dispute.order
    people = (order.buyer, order.seller, make_user(), make_staff())
    actions: dict[str, Callable[[User], Any]] = {
        "evidence": lambda one: disputes.add_evidence(actor=one, dispute_id=dispute.pk, text="Look"),
        "withdraw": lambda one: disputes.withdraw_dispute(actor=one, dispute_id=dispute.pk),
        "accept": lambda one: disputes.accept_dispute(actor=one, dispute_id=dispute.pk),
        "decide": lambda one: decide(dispute, "no_refund", actor=one),
    }
    table = {name: [outcome(lambda: act(one)) for one in people] for name, act in actions.items()}  # noqa: B023
    allowed = "ok" if closed is None else "dispute_closed"
    assert table == {
        "evidence": [allowed, allowed, "dispute_not_found", "dispute_not_found"],
        "withdraw": [allowed, "not_the_buyer", "dispute_not_found", "dispute_not_found"],
        "accept": ["not_the_seller", allowed, "dispute_not_found", "dispute_not_found"],
        "decide": ["forbidden", "forbidden", "forbidden", allowed],
    }


def test_staff_do_not_decide_about_their_own_order() -> None:
    dispute = make_dispute()
    User.objects.filter(pk=dispute.order.seller_id).update(is_staff=True)
    staff = User.objects.get(pk=dispute.order.seller_id)
    assert outcome(lambda: decide(dispute, "no_refund", actor=staff)) == "forbidden"


def test_strangers_and_guests_see_no_dispute() -> None:
    dispute = make_dispute()
    stranger = client_for(make_user())
    assert stranger.get(f"{URL}/{dispute.pk}").status_code == 404
    assert stranger.get(URL).json()["data"]["items"] == []
    assert APIClient().get(f"{URL}/{dispute.pk}").status_code == 401


# --- Evidence


def test_both_sides_see_the_evidence_of_both_and_are_told() -> None:
    order = make_delivered_order()
    buyer, seller = client_for(order.buyer), client_for(order.seller)
    picture = upload_picture(order.buyer)
    answer = buyer.post(
        f"/api/v1/orders/{order.pk}/disputes",
        {"reason": "damaged", "text": TEXT, "image_urls": [picture]},
        format="json",
    )
    assert answer.status_code == 201
    dispute_id = answer.json()["data"]["id"]
    answer = seller.post(f"{URL}/{dispute_id}/evidence", {"text": "It was whole."})
    assert (answer.status_code, answer.json()["data"]["side"]) == (201, "seller")
    for client, side in ((buyer, "buyer"), (seller, "seller")):
        data = client.get(f"{URL}/{dispute_id}").json()["data"]
        assert (data["side"], data["state"], data["reason"]) == (side, "open", "damaged")
        assert [(one["side"], one["text"]) for one in data["evidence"]] == [
            ("buyer", TEXT),
            ("seller", "It was whole."),
        ]
        assert data["evidence"][0]["images"][0]["url"] == picture
        items = client.get(f"{URL}?state=open").json()["data"]["items"]
        assert [item["id"] for item in items] == [dispute_id]
        assert client.get(f"{URL}?state=decided").json()["data"]["items"] == []
    assert (told(order.seller), told(order.buyer)) == (["dispute_opened"], ["dispute_evidence"])
    texts = Message.objects.filter(data__order_id=str(order.pk)).values_list("data__text", flat=True)
    assert list(texts)[-1] == "dispute_opened"


def test_pictures_must_be_the_authors_own_uploads() -> None:
    order = make_delivered_order()
    foreign = upload_picture(order.seller)
    small = upload_picture(order.buyer, "evidence.mp4")
    for address in (foreign, small, "https://example.com/x.jpg", "javascript:alert(1)", ""):
        answer = client_for(order.buyer).post(
            f"/api/v1/orders/{order.pk}/disputes",
            {"reason": "damaged", "text": TEXT, "image_urls": [address]},
            format="json",
        )
        assert (answer.status_code, list(answer.json()["error"]["details"])) == (400, ["image_urls"])
    assert (state_of(order), Dispute.objects.count()) == (State.DELIVERED, 0)


def test_a_piece_of_evidence_says_or_shows_something_within_the_limits(settings: Any) -> None:
    settings.DISPUTE_EVIDENCE_MAX = 2
    dispute = make_dispute()
    client = client_for(dispute.order.buyer)
    url = f"{URL}/{dispute.pk}/evidence"
    assert list(client.post(url, {}).json()["error"]["details"]) == ["text"]
    picture = upload_picture(dispute.order.buyer)
    too_many = {"image_urls": [picture] * 7}
    assert list(client.post(url, too_many, format="json").json()["error"]["details"]) == ["image_urls"]
    assert client.post(url, {"image_urls": [picture]}, format="json").status_code == 201
    assert client.post(url, {"text": "One more"}).json()["error"]["code"] == "too_much_evidence"
    assert client_for(dispute.order.seller).post(url, {"text": "Mine"}).status_code == 201
    assert DisputeEvidence.objects.filter(dispute=dispute).count() == 3


# --- Time


def test_an_open_dispute_stops_completion_and_release() -> None:
    dispute = make_dispute()
    order = dispute.order
    assert (state_of(order), order.completes_at, order.disputed_from) == (State.DISPUTED, None, "delivered")
    with time_machine.travel(timezone.now() + timedelta(days=90), tick=False):
        assert closing.complete_due_orders() == 0
    assert state_of(order) == State.DISPUTED
    assert payment_of(order).released_at is None


def test_a_dispute_in_the_last_second_wins_over_the_completion() -> None:
    order = make_delivered_order()
    due = due_of(order)
    with time_machine.travel(due - timedelta(seconds=1), tick=False):
        make_dispute(order)
    with time_machine.travel(due + timedelta(seconds=1), tick=False):
        assert closing.complete_due_orders() == 0
    assert state_of(order) == State.DISPUTED


def test_a_dispute_after_the_last_second_is_refused_even_before_the_job_completes_the_order() -> None:
    order = make_delivered_order()
    with time_machine.travel(due_of(order), tick=False):
        assert outcome(lambda: make_dispute(order)) == "order_completed"


@pytest.mark.parametrize(("days_left", "expected"), [(2, 2), (0.1, 1)])
def test_a_withdrawn_dispute_leaves_the_rest_of_the_time_and_at_least_a_day(
    days_left: float, expected: float
) -> None:
    order = make_delivered_order()
    due = due_of(order)
    with time_machine.travel(due - timedelta(days=days_left), tick=False):
        dispute = make_dispute(order)
    withdrawn_at = due + timedelta(days=30)
    with time_machine.travel(withdrawn_at, tick=False):
        disputes.withdraw_dispute(actor=order.buyer, dispute_id=dispute.pk)
    order.refresh_from_db()
    assert (order.state, order.disputed_from) == (State.DELIVERED, "")
    assert order.completes_at == withdrawn_at + timedelta(days=expected)
    assert whats(order)[-2:] == ["dispute_opened", "dispute_withdrawn"]
    assert told(order.seller)[-1] == "dispute_withdrawn"


def test_a_buyer_cannot_hold_back_the_money_with_dispute_after_dispute() -> None:
    order = make_delivered_order()
    for _ in range(3):
        dispute = make_dispute(order)
        disputes.withdraw_dispute(actor=order.buyer, dispute_id=dispute.pk)
    assert outcome(lambda: make_dispute(order)) == "too_many_disputes"


def test_a_disputed_order_is_neither_confirmed_nor_cancelled_nor_sent() -> None:
    order = make_dispute().order
    client, seller = client_for(order.buyer), client_for(order.seller)
    shipment = {"carrier": "other", "tracking_number": "ABCD1234"}
    for answer in (
        client.post(f"/api/v1/orders/{order.pk}/confirm"),
        client.post(f"/api/v1/orders/{order.pk}/cancel"),
        seller.post(f"/api/v1/orders/{order.pk}/ship", shipment),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "order_disputed")


# --- Decisions


def test_a_full_refund_refunds_the_order_once_it_succeeds() -> None:
    dispute = decide(make_dispute(), "full_refund", explanation="It is torn.")
    order = dispute.order
    assert (dispute.state, dispute.refund_amount) == ("decided", Decimal("850.00"))
    assert (state_of(order), refunds_of(order)) == (
        State.DISPUTED,
        [(85_000, "dispute", "requested")],
    )
    move_refund_of(order, Refund.State.SUCCEEDED)
    assert state_of(order) == State.REFUNDED
    order.transaction.refresh_from_db()
    assert order.transaction.status == "refunded"
    for person in (order.buyer, order.seller):
        assert "dispute_decided" in told(person)
        data = client_for(person).get(f"{URL}/{dispute.pk}").json()["data"]
        assert (data["decision"], data["explanation"]) == ("full_refund", "It is torn.")
        assert data["refund_amount"] == 850.0


def test_a_partial_refund_leaves_the_seller_the_rest() -> None:
    dispute = decide(make_dispute(), "partial_refund", "200.00")
    order = dispute.order
    move_refund_of(order, Refund.State.SUCCEEDED)
    assert state_of(order) == State.PARTIALLY_REFUNDED
    payment = payment_of(order)
    assert (payment.refunded, payment.released_at is not None) == (20_000, True)
    assert order.completed_at is not None


def test_a_decision_against_the_buyer_completes_the_order_and_releases_the_share() -> None:
    order = decide(make_dispute(), "no_refund").order
    assert (state_of(order), refunds_of(order)) == (State.COMPLETED, [])
    assert payment_of(order).released_at is not None
    assert whats(order)[-2:] == ["dispute_decided", "completed"]


@pytest.mark.parametrize(
    ("decision", "amount", "field"),
    [
        ("partial_refund", None, "refund_amount"),
        ("partial_refund", "850.00", "refund_amount"),
        ("partial_refund", "0.00", "refund_amount"),
        ("partial_refund", "900.00", "refund_amount"),
        ("full_refund", "10.00", "refund_amount"),
        ("no_refund", "10.00", "refund_amount"),
    ],
)
def test_an_amount_that_does_not_fit_the_decision_is_refused(
    decision: str, amount: str | None, field: str
) -> None:
    dispute = make_dispute()
    with pytest.raises(ValidationFailed) as refused, transaction.atomic():
        decide(dispute, decision, amount)
    assert list(refused.value.details) == [field]
    assert (Dispute.objects.get().state, refunds_of(dispute.order)) == ("open", [])


def test_a_seller_who_accepts_gives_everything_back() -> None:
    dispute = make_dispute()
    order = dispute.order
    assert client_for(order.seller).post(f"{URL}/{dispute.pk}/accept").json()["data"]["state"] == "accepted"
    move_refund_of(order, Refund.State.SUCCEEDED)
    assert (state_of(order), payment_of(order).refunded) == (State.REFUNDED, 85_000)
    assert told(order.buyer) == ["dispute_accepted"]


@pytest.mark.parametrize(
    ("decision", "amount", "state"),
    [("full_refund", None, State.REFUNDED), ("partial_refund", "425.00", State.PARTIALLY_REFUNDED)],
)
def test_a_sale_in_person_has_its_fee_waived_in_proportion_at_once(
    decision: str, amount: str | None, state: str
) -> None:
    dispute = decide(make_dispute(make_order(state=State.HANDED_OVER)), decision, amount)
    order = dispute.order
    assert state_of(order) == state
    assert [refund[1:] for refund in refunds_of(order)] == [("dispute", "succeeded")]
    assert payment_of(order).provider == "in_person"


def test_a_big_refund_that_the_second_person_rejects_opens_the_dispute_again(settings: Any) -> None:
    settings.REFUND_TWO_PEOPLE_ABOVE_FILS = 10_000
    dispute = decide(make_dispute(), "full_refund")
    order = dispute.order
    assert refunds_of(order) == [(85_000, "dispute", "waiting")]
    move_refund_of(order, Refund.State.REJECTED)
    dispute.refresh_from_db()
    assert (dispute.state, dispute.decision, dispute.closed_at) == ("open", "", None)
    assert (state_of(order), whats(order)[-1]) == (State.DISPUTED, "dispute_reopened")
    decide(dispute, "no_refund")
    assert state_of(order) == State.COMPLETED


# --- Chargebacks


def tell_chargeback(order: Order, state: str) -> Chargeback:
    """Tell of a chargeback of the whole payment, as its provider does."""
    payment = payment_of(order)
    told_state = ChargebackState(
        external_id=f"dp_{payment.pk.hex}",
        payment=payment.external_id,
        state=state,
        amount=payment.amount,
        currency=payment.currency,
        reason="fraudulent",
        respond_by=None,
    )
    chargeback = advance_chargeback(payment, told_state)
    assert chargeback is not None
    return chargeback


def test_a_chargeback_disputes_the_order_and_puts_it_back_when_it_is_won() -> None:
    order = make_delivered_order()
    tell_chargeback(order, Chargeback.State.OPEN)
    assert (state_of(order), order.disputed_from) == (State.DISPUTED, State.DELIVERED)
    assert outcome(lambda: make_dispute(order)) == "order_disputed"
    tell_chargeback(order, Chargeback.State.WON)
    assert (state_of(order), order.disputed_from) == (State.DELIVERED, "")


def test_a_dispute_waits_for_the_bank_and_goes_on_when_the_chargeback_is_won() -> None:
    dispute = make_dispute()
    order = dispute.order
    tell_chargeback(order, Chargeback.State.OPEN)
    assert outcome(lambda: decide(dispute, "full_refund")) == "chargeback_open"
    accepted = outcome(lambda: disputes.accept_dispute(actor=order.seller, dispute_id=dispute.pk))
    assert accepted == "chargeback_open"
    tell_chargeback(order, Chargeback.State.WON)
    assert state_of(order) == State.DISPUTED
    decide(dispute, "no_refund")
    assert state_of(order) == State.COMPLETED


def test_a_lost_chargeback_closes_the_dispute_and_is_no_second_refund() -> None:
    dispute = make_dispute()
    order = dispute.order
    tell_chargeback(order, Chargeback.State.OPEN)
    tell_chargeback(order, Chargeback.State.LOST)
    dispute.refresh_from_db()
    assert (dispute.state, dispute.decision) == ("decided", "full_refund")
    assert (state_of(order), refunds_of(order)) == (State.REFUNDED, [])
    assert outcome(lambda: decide(dispute, "full_refund")) == "dispute_closed"


def test_a_dispute_withdrawn_during_a_chargeback_leaves_the_order_to_the_bank() -> None:
    dispute = make_dispute()
    order = dispute.order
    tell_chargeback(order, Chargeback.State.OPEN)
    disputes.withdraw_dispute(actor=order.buyer, dispute_id=dispute.pk)
    assert (state_of(order), order.disputed_from) == (State.DISPUTED, State.DELIVERED)
    tell_chargeback(order, Chargeback.State.WON)
    assert state_of(order) == State.DELIVERED


# --- The stream's video


def test_a_dispute_shows_the_clips_of_the_stream_in_which_the_product_was_tagged() -> None:
    order = make_delivered_order()
    stream = make_live_stream(seller=order.seller, products=[order.product])
    Replay.objects.filter(stream=stream).update(
        state=Replay.State.READY, duration_seconds=100, has_poster=True
    )
    shown = StreamProduct.objects.get(stream=stream)
    ProductTag.objects.create(stream_product=shown, x=0.5, y=0.5, timestamp_seconds=42)
    ready = {"stream": stream, "state": Clip.State.READY, "duration_seconds": 10}
    with_product = Clip.objects.create(start_seconds=40, end_seconds=50, title="The shoes", **ready)
    Clip.objects.create(start_seconds=60, end_seconds=70, **ready)
    dispute = make_dispute(order)
    videos = client_for(order.seller).get(f"{URL}/{dispute.pk}").json()["data"]["stream_videos"]
    assert [(video["clip_id"], video["start_seconds"]) for video in videos] == [
        (None, 42.0),
        (str(with_product.pk), 40.0),
    ]
    Replay.objects.filter(stream=stream).update(state=Replay.State.WITHDRAWN, withdrawn_at=timezone.now())
    assert client_for(order.buyer).get(f"{URL}/{dispute.pk}").json()["data"]["stream_videos"] == []


def test_a_repeated_request_opens_one_dispute() -> None:
    order = make_delivered_order()
    for _ in range(2):
        answer = client_for(order.buyer).post(
            f"/api/v1/orders/{order.pk}/disputes",
            {"reason": "other", "text": TEXT},
            HTTP_IDEMPOTENCY_KEY="dispute-1",
        )
        assert answer.status_code == 201
    assert Dispute.objects.count() == 1


def test_lists_take_a_fixed_number_of_queries(django_assert_max_num_queries: Any) -> None:
    buyer = make_user(phone="+971501234599")
    for _ in range(3):
        order = make_order(buyer=buyer, state=State.HANDED_OVER)
        make_dispute(order)
    client = client_for(buyer)
    with django_assert_max_num_queries(5):
        assert client.get(URL).json()["data"]["total"] == 3
