"""What finance does with refunds in the admin, and what the admin refuses."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from accounts.models import User
from accounts.tests.factories import make_finance, make_moderator, make_staff
from payments.models import Payment, Refund
from payments.selectors import refundable
from payments.services import refunds
from payments.tests.factories import make_payment, make_refund
from soukloop.core.errors import Forbidden
from soukloop.tests.staff import list_url

pytestmark = pytest.mark.django_db


def browser_of(user: User) -> Client:
    browser = Client()
    browser.force_login(user)
    return browser


def act(user: User, row: Any, action: str, **fields: Any) -> str:
    body = {"action": action, "_selected_action": [row.pk], "confirmed": "yes"} | fields
    response = browser_of(user).post(list_url(type(row)), body, follow=True)
    return str(response.content.decode()).replace("\u00a0", " ")


def ask(user: User, payment: Payment, amount: str = "", **fields: Any) -> str:
    body = {"amount": amount, "reason": "goodwill", "note": "Late", "expected_left": refundable(payment)}
    return act(user, payment, "refund", **body | fields)


def big_payment() -> Payment:
    return make_payment(amount=500_000, fee=25_000)


def test_finance_refunds_a_part_with_a_reason_and_it_is_logged() -> None:
    finance, payment = make_finance(), make_payment()
    assert "AED 100.00 are refunded." in ask(finance, payment, "100.00")
    refund = payment.refunds.get()
    assert (refund.amount, refund.reason, refund.note) == (10_000, "goodwill", "Late")
    assert (refund.state, refund.requested_by) == (Refund.State.REQUESTED, finance)
    assert LogEntry.objects.get(object_id=str(refund.pk)).user_id == finance.pk


def test_finance_refunds_all_that_is_left_by_leaving_the_amount_empty() -> None:
    payment = make_payment()
    make_refund(payment, 5_000)
    ask(make_finance(), payment)
    assert payment.refunds.get(state=Refund.State.REQUESTED).amount == 80_000


def test_a_second_click_refunds_nothing_more() -> None:
    finance, payment = make_finance(), make_payment()
    left = refundable(payment)
    ask(finance, payment, "100.00", expected_left=left)
    assert "Meanwhile 750.00 are left" in ask(finance, payment, "100.00", expected_left=left)
    assert payment.refunds.count() == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"amount": "850.01"},
        {"amount": "0"},
        {"amount": "-1"},
        {"amount": "1.001"},
        {"reason": "because"},
        {"note": ""},
        {"expected_left": "x"},
    ],
)
def test_an_impossible_refund_is_refused(fields: dict[str, str]) -> None:
    payment = make_payment()
    ask(make_finance(), payment, **fields)
    assert not payment.refunds.exists()


def test_a_refund_above_the_limit_waits_and_says_so() -> None:
    first, second, payment = make_finance(), make_finance(), big_payment()
    assert "waits until somebody else of finance approves it" in ask(first, payment)
    refund = payment.refunds.get()
    assert refund.state == Refund.State.WAITING

    assert "Somebody else must approve this refund." in act(first, refund, "approve", reason="ok")
    refund.refresh_from_db()
    assert refund.state == Refund.State.WAITING

    assert "is approved" in act(second, refund, "approve", reason="Checked")
    refund.refresh_from_db()
    assert (refund.state, refund.approved_by) == (Refund.State.REQUESTED, second)
    assert "does not wait for consent" in act(second, refund, "approve", reason="Again")
    messages = LogEntry.objects.filter(object_id=str(refund.pk)).values_list("change_message", flat=True)
    assert sorted(messages) == ["Approved: Checked", "Requested: goodwill Late"]


def test_a_waiting_refund_is_rejected_with_a_reason() -> None:
    first, second, payment = make_finance(), make_finance(), big_payment()
    ask(first, payment)
    refund = payment.refunds.get()
    act(second, refund, "reject", reason="Not ours to pay")
    act(second, refund, "reject", reason="Again")
    refund.refresh_from_db()
    assert refund.state == Refund.State.REJECTED
    assert LogEntry.objects.filter(change_message="Rejected: Not ours to pay").count() == 1
    assert LogEntry.objects.filter(object_id=str(refund.pk)).count() == 2


def test_a_big_refund_in_small_parts_waits_too() -> None:
    finance, payment = make_finance(), big_payment()
    ask(finance, payment, "900.00")
    ask(finance, payment, "200.00")
    states = dict(payment.refunds.values_list("amount", "state"))
    assert states == {90_000: Refund.State.REQUESTED, 20_000: Refund.State.WAITING}


def test_a_failed_refund_is_tried_again_once() -> None:
    finance, payment = make_finance(), make_payment()
    failed = make_refund(payment, 10_000, state=Refund.State.FAILED)
    act(finance, failed, "retry", reason="New card")
    assert payment.refunds.get(state=Refund.State.REQUESTED).amount == 10_000
    assert LogEntry.objects.filter(change_message="Tried again: New card").exists()


def test_finance_moves_no_money_of_its_own() -> None:
    finance = make_finance()
    for payment in (make_payment(payer=finance), make_payment(payee=finance)):
        assert "your own payment" in ask(finance, payment).replace("&#x27;", "'")
        assert not payment.refunds.exists()


@pytest.mark.parametrize("make_actor", [make_moderator, lambda: make_finance_without("change_refund")])
def test_staff_without_the_permission_refund_nothing(make_actor: Any) -> None:
    actor, payment = make_actor(), big_payment()
    ask(actor, payment)
    with pytest.raises(Forbidden):
        refunds.request_refund_by_staff(
            actor=actor,
            payment_id=payment.pk,
            amount=None,
            reason=Refund.Reason.GOODWILL,
            note="x",
            expected_left=payment.amount,
        )
    assert not payment.refunds.exists()
    ask(make_staff(), payment)
    refund = payment.refunds.get()
    for action in ("approve", "reject"):
        act(actor, refund, action, reason="x")
        refund.refresh_from_db()
        assert refund.state == Refund.State.WAITING


def make_finance_without(codename: str) -> User:
    user = make_finance()
    group = user.groups.get(name="Finance")
    group.permissions.remove(group.permissions.get(codename=codename))
    return User.objects.get(pk=user.pk)
