"""What orders do when the provider tells of payments, refunds and chargebacks, in any order."""

from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from orders.models import Order, OrderEvent
from orders.services import buying, closing
from orders.tests.factories import make_order, move_payment_of
from payments import hooks
from payments.access import lock_payment, lock_refund
from payments.models import Chargeback, Payment, Refund
from payments.selectors import latest_payment
from payments.services.advance.refunds import move_refund
from payments.services.refunds import request_refund
from soukloop.core.money import from_fils

pytestmark = pytest.mark.django_db
State = Order.State


def payment_of(order: Order) -> Payment:
    payment = latest_payment(order.pk)
    assert payment is not None
    return payment


def refund(order: Order, fils: int = 85_000) -> Refund:
    """Request a refund, and let the provider say that it succeeded."""
    requested = request_refund(
        payment=payment_of(order),
        amount=from_fils(fils),
        reason=Refund.Reason.GOODWILL,
        requested_by=None,
    )
    return move(requested, Refund.State.SUCCEEDED)


def move(refund: Refund, state: str) -> Refund:
    with transaction.atomic():
        locked = lock_refund(refund.pk)
        move_refund(locked, state)
    return locked


def charge_back(order: Order, state: str, chargeback: Chargeback | None = None) -> Chargeback:
    """Tell the order of a new chargeback, or of one that is decided, as payments would."""
    with transaction.atomic():
        payment = lock_payment(payment_of(order).pk)
        previous = chargeback.state if chargeback else ""
        if chargeback is None:
            chargeback = Chargeback(
                payment=payment, amount=payment.amount, external_id="cb_1", created_at=timezone.now()
            )
        chargeback.payment, chargeback.state = payment, state
        chargeback.save()
        lost_before, lost = previous == "lost", state == "lost"
        payment.refunded += chargeback.amount * (int(lost) - int(lost_before))
        payment.save()
        hooks.chargeback_changed(chargeback, previous)
    return chargeback


def state_of(order: Order) -> tuple[str, str]:
    """Return the order's state and its sale's."""
    order = Order.objects.select_related("transaction").get(pk=order.pk)
    return order.state, order.transaction.status


def last(order: Order) -> str:
    return OrderEvent.objects.filter(order=order).latest("pk").what


def test_a_cancelled_order_is_refunded_and_cancelled_again_if_the_money_comes_back() -> None:
    order = make_order(payment_method="card", state=State.PAID)
    closing.cancel_order(actor=order.buyer, order_id=order.pk)
    requested = Refund.objects.get()
    move(requested, Refund.State.SUCCEEDED)
    assert state_of(order) == ("refunded", "refunded")
    move(requested, Refund.State.FAILED)
    assert state_of(order) == ("cancelled", "cancelled")
    assert last(order) == "refund_returned"


def test_a_fully_refunded_order_never_reads_as_paid() -> None:
    order = make_order(payment_method="card", state=State.PAID)
    refund(order)  # by staff, while it is paid and neither handed over nor sent
    assert state_of(order) == ("refunded", "refunded")
    assert Order.objects.get().product.status == "active"


@pytest.mark.parametrize("state", [State.HANDED_OVER, State.SHIPPED, State.DELIVERED, State.COMPLETED])
def test_a_full_refund_closes_an_order_in_each_later_state(state: str) -> None:
    order = make_order(payment_method="card", state=state)
    returned = refund(order)
    assert state_of(order) == ("refunded", "refunded")
    assert Order.objects.get().completes_at is None
    move(returned, Refund.State.FAILED)
    assert state_of(order) == ("completed", "completed")


def test_a_part_that_is_refunded_before_the_end_shows_at_the_end() -> None:
    order = make_order(payment_method="card", state=State.HANDED_OVER)
    refund(order, 10_000)
    assert state_of(order) == ("handed_over", "paid")
    closing.confirm_order(actor=order.buyer, order_id=order.pk)
    assert state_of(order) == ("partially_refunded", "completed")
    assert payment_of(order).released_at is not None
    refund(order, 75_000)
    assert state_of(order) == ("refunded", "refunded")


@pytest.mark.parametrize("before", [State.PAID, State.HANDED_OVER, State.SHIPPED, State.COMPLETED])
def test_a_chargeback_that_is_won_leads_back_to_where_the_order_was(before: str) -> None:
    order = make_order(payment_method="card", state=before)
    opened = charge_back(order, "open")
    assert state_of(order) == ("disputed", "paid")
    assert Order.objects.get().hand_over_code == ""
    charge_back(order, "won", opened)
    assert state_of(order)[0] == before
    assert (Order.objects.get().hand_over_code != "") == (before == State.PAID)


def test_a_lost_chargeback_refunds_the_order_and_a_late_win_completes_it() -> None:
    order = make_order(payment_method="card", state=State.COMPLETED)
    opened = charge_back(order, "open")
    charge_back(order, "lost", opened)
    assert state_of(order) == ("refunded", "refunded")
    charge_back(order, "won", opened)
    assert state_of(order) == ("completed", "completed")


def test_an_authorised_order_whose_capture_fails_is_cancelled() -> None:
    order = make_order(payment_method="card", state=State.AUTHORISED)
    move_payment_of(order, Payment.State.FAILED, failure_code="card_declined")
    assert state_of(order) == ("cancelled", "cancelled")
    order = Order.objects.get()
    assert (order.close_reason, order.product.status) == ("payment_failed", "active")


def test_a_payment_that_is_captured_at_once_pays_the_order() -> None:
    order = make_order(payment_method="card")
    move_payment_of(order, Payment.State.CAPTURED)
    assert state_of(order) == ("paid", "paid")
    whats = list(OrderEvent.objects.filter(order=order).values_list("what", flat=True))
    assert whats == ["created", "authorised", "paid"]


def test_the_buyer_is_told_when_the_form_can_be_opened(captured_events: Any) -> None:
    order = make_order(payment_method="card")
    move_payment_of(order, Payment.State.REQUIRES_ACTION)
    assert last(order) == "payment_ready"


def test_a_seller_who_can_no_longer_be_paid_in_person_leaves_the_order_to_be_paid_by_card(
    settings: Any,
) -> None:
    order = make_order(payment_method="card")
    buying.pay_again(actor=order.buyer, order_id=order.pk, payment_method="in_person")
    settings.FEE_DEBT_MAX_FILS = -1
    move_payment_of(order, Payment.State.CANCELLED)
    assert payment_of(order).state == "cancelled"
    order.refresh_from_db()
    assert (order.state, order.payment_method, last(order)) == ("pending_payment", "card", "payment_failed")
    assert buying.pay_again(actor=order.buyer, order_id=order.pk).state == "pending_payment"
    assert payment_of(order).state == "created"
