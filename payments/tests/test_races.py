"""Payments under real concurrency: two connections do at once what must have its effect once."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.tests.factories import make_staff
from payments.models import Entry, EntryLine, Payment, Payout, Refund, WebhookEvent
from payments.services import ledger, payments, payouts, polling, refunds, webhooks
from payments.tests import flows
from payments.tests.memory_provider import SIGNATURE, MemoryProvider
from soukloop.core.errors import Conflict

pytestmark = pytest.mark.django_db(transaction=True)
Account = EntryLine.Account
Told = list[tuple[str, str, str]]


def at_once(*actions: Callable[[], Any]) -> list[Any]:
    """Run actions on connections of their own, and return what each returned, or the Conflict it met."""
    barrier = Barrier(len(actions))

    def run(action: Callable[[], Any]) -> Any:
        try:
            barrier.wait(20)
            return action()
        except Conflict as refusal:
            return refusal.code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(actions)) as threads:
        runs = [threads.submit(run, action) for action in actions]
        return [each.result(timeout=60) for each in runs]


def entries(*kinds: str) -> int:
    return Entry.objects.filter(kind__in=kinds).count()


def test_two_webhooks_at_once_move_a_payment_once(memory: MemoryProvider, told: Told) -> None:
    payment = flows.requires_action(memory)
    memory.pay(payment.external_id)
    events = [flows.webhook("payment", payment.external_id) for _ in range(3)]
    at_once(*[lambda event=event: webhooks.handle_webhook(event.pk) for event in events])
    payment.refresh_from_db()
    assert payment.state == "authorised"
    assert told.count(("payment", "requires_action", "authorised")) == 1
    assert set(WebhookEvent.objects.values_list("result", flat=True)) == {"done"}


def test_a_webhook_that_arrives_twice_at_once_is_stored_once(memory: MemoryProvider) -> None:
    body = json.dumps({"id": "evt_1", "subject": "payment", "object": "pa_1"}).encode()

    def receive() -> None:
        webhooks.receive_webhook(provider_name="memory", body=body, headers={"Signature": SIGNATURE})

    at_once(receive, receive, receive)
    assert WebhookEvent.objects.count() == 1
    assert ProcrastinateJob.objects.filter(task_name="payments.handle_webhook").count() == 1


def test_a_webhook_and_the_answer_of_the_capture_post_the_charge_once(
    memory: MemoryProvider, told: Told
) -> None:
    payment = flows.authorised(memory)
    payments.capture_payment(payment_id=payment.pk)
    memory.change_payment(payment.external_id, state="captured")
    event = flows.webhook("payment", payment.external_id)
    at_once(
        lambda: webhooks.handle_webhook(event.pk),
        lambda: payments.capture_at_provider(payment.pk),
        lambda: polling.refresh("payment", payment.pk),
    )
    payment.refresh_from_db()
    assert (payment.state, entries("charge")) == ("captured", 1)
    assert told.count(("payment", "authorised", "captured")) == 1


@pytest.mark.parametrize("round_number", range(3))
def test_capture_and_cancellation_at_once_agree_with_the_provider(
    memory: MemoryProvider, round_number: int
) -> None:
    payment = flows.authorised(memory)

    def capture() -> None:
        payments.capture_payment(payment_id=payment.pk)
        payments.capture_at_provider(payment.pk)

    def cancel() -> None:
        payments.cancel_payment(payment=payment)
        payments.cancel_at_provider(payment.pk)

    at_once(capture, cancel)
    payment.refresh_from_db()
    assert payment.state in ("captured", "cancelled")
    assert memory.memory.payments[payment.external_id].state == payment.state
    assert entries("charge") == (payment.state == "captured")


def test_two_refunds_at_once_never_give_back_more_than_was_paid(memory: MemoryProvider) -> None:
    payment = flows.captured(memory)

    def ask() -> Any:
        return flows.requested_refund(payment, "500.00").state

    assert sorted(at_once(ask, ask, ask)) == ["refund_too_large", "refund_too_large", "requested"]
    assert Refund.objects.count() == 1


def test_a_refund_and_a_chargeback_at_once_are_never_both_recorded(memory: MemoryProvider) -> None:
    payment = flows.captured(memory)
    event = flows.webhook("chargeback", memory.charge_back(payment.external_id, 85_000))
    at_once(lambda: webhooks.handle_webhook(event.pk), lambda: flows.requested_refund(payment))
    payment.refresh_from_db()
    # The refund is refused because the bank has the money, or it came first and the provider decides.
    assert payment.chargebacks.count() == 1
    assert payment.refunded == 0


def test_two_people_who_approve_at_once_make_one_refund(memory: MemoryProvider) -> None:
    payment = flows.captured(memory, amount="2000.00", fee="100.00")
    refund = flows.requested_refund(payment, "2000.00", requested_by=make_staff())
    people = [make_staff(), make_staff()]

    def approve(actor: Any) -> Callable[[], Any]:
        return lambda: refunds.approve_refund(actor=actor, refund_id=refund.pk).state

    assert sorted(at_once(*map(approve, people))) == ["refund_not_waiting", "requested"]
    assert ProcrastinateJob.objects.filter(task_name="payments.refund").count() == 1


def test_two_payouts_at_once_send_the_money_once(memory: MemoryProvider) -> None:
    payment = flows.released(memory)
    account_id = payment.account_id
    assert account_id is not None
    at_once(*[lambda: payouts.pay_out(account_id)] * 3)
    assert [payout.amount for payout in Payout.objects.all()] == [80_750]
    assert sum(payout.amount for payout in memory.memory.payouts.values()) == 80_750


def test_a_release_and_a_refund_at_once_leave_the_seller_the_same(memory: MemoryProvider) -> None:
    payment = flows.captured(memory)
    refund = flows.requested_refund(payment, "425.00")
    refunds.refund_at_provider(refund.pk)
    refund.refresh_from_db()
    memory.settle_refund(refund.external_id, "succeeded")
    at_once(
        lambda: polling.refresh("refund", refund.pk),
        lambda: payouts.release(payment=payment),
        lambda: polling.refresh("refund", refund.pk),
    )
    payment = Payment.objects.get()
    assert (payment.refunded, entries("refund"), entries("release")) == (42_500, 1, 1)
    assert ledger.balance(Account.SELLER_PENDING, payment.payee) == 0
    assert ledger.balance(Account.SELLER_AVAILABLE, payment.payee) == -40_375


def test_two_releases_at_once_are_one(memory: MemoryProvider) -> None:
    payment = flows.captured(memory)
    at_once(*[lambda: payouts.release(payment=payment)] * 3)
    assert (entries("release"), ledger.balance(Account.SELLER_AVAILABLE, payment.payee)) == (1, -80_750)
    assert ProcrastinateJob.objects.filter(task_name="payments.pay_out").count() == 1


def test_two_polls_at_once_enqueue_one_job_for_each_row(memory: MemoryProvider) -> None:
    payment = flows.requires_action(memory)
    ProcrastinateJob.objects.filter(task_name__startswith="payments.").delete()
    Payment.objects.update(created_at=payment.created_at - settings.PROVIDER_ASKED_AGAIN_AFTER * 2)
    assert sum(at_once(polling.poll_unsettled, polling.poll_unsettled, polling.poll_unsettled)) == 1
    assert ProcrastinateJob.objects.filter(task_name="payments.refresh").count() == 1


def test_a_refund_that_succeeds_and_fails_at_once_ends_as_the_provider_says(memory: MemoryProvider) -> None:
    payment = flows.captured(memory)
    refund = flows.requested_refund(payment, "100.00")
    refunds.refund_at_provider(refund.pk)
    refund.refresh_from_db()
    memory.settle_refund(refund.external_id, "succeeded")
    polling.refresh("refund", refund.pk)
    memory.settle_refund(refund.external_id, "failed")
    at_once(*[lambda: polling.refresh("refund", refund.pk)] * 3)
    refund.refresh_from_db()
    payment.refresh_from_db()
    assert (refund.state, payment.refunded, entries("refund_returned")) == ("failed", 0, 1)
    assert Decimal(ledger.balance(Account.SELLER_PENDING, payment.payee)) == -80_750
