"""What the background jobs of payments find, for `soukloop/tests/test_tasks_twice.py`."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import time_machine
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.tests.factories import make_seller, make_user
from payments.models import FeeBill, Payment, Refund, SandboxPayment, Transfer, WebhookEvent
from payments.providers.sandbox import accounts as sandbox_accounts
from payments.providers.sandbox import operations, webhooks
from payments.providers.sandbox import payments as sandbox_payments
from payments.services import accounts, billing, ledger, payments, refunds, transfers
from payments.tests import flows
from payments.tests.factories import (
    make_account,
    make_captured_sale,
    make_payment,
    make_refund,
    start_card_payment,
)
from payments.tests.provider_contract import request_for

Arguments = dict[str, Any]
PERIODIC: Arguments = {"timestamp": 0}


def created() -> Arguments:
    flows.current_memory()
    return {"payment_id": str(start_card_payment().pk)}


def asked_to_capture() -> Arguments:
    payment = flows.authorised(flows.current_memory())
    payments.capture_payment(payment_id=payment.pk)
    return {"payment_id": str(payment.pk)}


def asked_to_cancel() -> Arguments:
    payment = flows.authorised(flows.current_memory())
    payments.cancel_payment(payment=payment)
    return {"payment_id": str(payment.pk)}


def asked_for_refund() -> Arguments:
    refund = flows.requested_refund(flows.captured(flows.current_memory()), "100.00")
    return {"refund_id": str(refund.pk)}


def released() -> Arguments:
    memory = flows.current_memory()
    account = make_account(provider="memory")
    payment = make_payment(
        provider="memory", payee=account.seller, account=account, released_at=timezone.now()
    )
    ledger.post_charge(payment)
    ledger.post_release(payment)
    memory.memory.balances[account.external_id] = 80_750
    return {"account_id": str(account.pk)}


def released_separately() -> Transfer:
    """Return a transfer that is not made yet."""
    payment = flows.captured(flows.current_memory())
    Payment.objects.filter(pk=payment.pk).update(is_separate=True)
    payment.refresh_from_db()
    transfers.start_transfer(payment)
    return Transfer.objects.get(payment=payment)


def asked_for_transfer() -> Arguments:
    return {"transfer_id": str(released_separately().pk)}


def refunded_after_transfer() -> Arguments:
    transfer = released_separately()
    transfers.transfer_at_provider(transfer.pk)
    payment = transfer.payment
    Payment.objects.filter(pk=payment.pk).update(is_separate=False)
    refund = flows.refunded(flows.memory_provider(), payment, "100.00")
    return {"refund_id": str(refund.pk)}


def paid_by_payer() -> Arguments:
    memory = flows.current_memory()
    payment = flows.requires_action(memory)
    memory.pay(payment.external_id)
    return {"subject": "payment", "row_id": str(payment.pk)}


def told_of_refund() -> Arguments:
    memory = flows.current_memory()
    payment = flows.captured(memory)
    refund = flows.requested_refund(payment, "100.00")
    refunds.refund_at_provider(refund.pk)
    refund.refresh_from_db()
    memory.settle_refund(refund.external_id, "succeeded")
    return {"event_id": flows.webhook("refund", refund.external_id, "").pk}


def waited_long() -> Arguments:
    flows.current_memory()
    account, buyer = make_account(provider="memory"), make_user()
    people: dict[str, Any] = {"payee": account.seller, "payer": buyer, "account": account}
    make_payment(provider="memory", state=Payment.State.REQUIRES_ACTION, captured_at=None, **people)
    payment = make_payment(provider="memory", **people)
    make_refund(payment, 10_000, state=Refund.State.REQUESTED, external_id="", closed_at=None)
    Payment.objects.update(created_at=timezone.now() - timedelta(hours=1))
    Refund.objects.update(created_at=timezone.now() - timedelta(hours=1))
    ProcrastinateJob.objects.filter(task_name__startswith="payments.").delete()
    return PERIODIC


def not_sent() -> Arguments:
    released()
    ProcrastinateJob.objects.filter(task_name__startswith="payments.").delete()
    return PERIODIC


def old_webhook() -> Arguments:
    event = flows.webhook("payment", "pa_1")
    WebhookEvent.objects.filter(pk=event.pk).update(
        received_at=timezone.now() - flows.LONG_AGO, result=WebhookEvent.Result.DONE
    )
    return PERIODIC


def captured_sale() -> Arguments:
    return {"payment_id": str(make_captured_sale().pk)}


def captured_sale_without_job() -> Arguments:
    for _ in range(2):
        make_captured_sale()
    return PERIODIC


def wants_account() -> Arguments:
    flows.current_memory()
    account = accounts.begin_onboarding(actor=make_seller())
    return {"account_id": str(account.pk)}


def sandbox_payment(card: str) -> SandboxPayment:
    """Return a captured payment of the sandbox."""
    account = sandbox_accounts.create_account(reference="s", email="s@example.com", country="AE", key="a")
    sandbox_accounts.complete_account(account.pk)
    payment = sandbox_payments.create_payment(request_for(account.pk))
    sandbox_payments.confirm_payment(payment.client_secret, card)
    captured = sandbox_payments.capture_payment(payment.pk, account.pk)
    ProcrastinateJob.objects.filter(task_name__startswith="payments.").delete()
    return captured


def removed_card() -> Arguments:
    begun = sandbox_accounts.create_card_setup(customer="", reference="s", email="s@example.com", key="c")
    setup = sandbox_accounts.save_card(begun.client_secret, "success")
    return {"provider_name": "sandbox", "customer": setup.customer, "card": setup.card}


def told_by_sandbox() -> Arguments:
    payment = sandbox_payment("success")
    webhooks.announce("payment.captured", "payment", payment.pk, payment.account_id or "")
    job = ProcrastinateJob.objects.filter(task_name="payments.deliver_sandbox_webhook").latest("pk")
    return {"body": job.args["body"]}


def paid_by_card_that_is_charged_back() -> Arguments:
    return {"payment_id": sandbox_payment("charged_back").pk}


def sent_by_sandbox() -> Arguments:
    account_id = sandbox_payment("success").account_id
    assert account_id
    payout = operations.create_payout(account_id, 5_000, "AED", reference="p", key="p")
    return {"payout_id": payout.pk}


def damaged_ledger() -> Arguments:
    payment = make_payment()
    ledger.post_charge(payment)
    Payment.objects.filter(pk=payment.pk).update(refunded=1)
    return PERIODIC


def listed_by_provider() -> Arguments:
    flows.captured(flows.current_memory())
    return PERIODIC


def movements_of_a_day() -> Arguments:
    flows.captured(flows.current_memory())
    return {"provider": "memory", "day": timezone.now().date().isoformat()}


def owed_fees() -> Arguments:
    ledger.post_hand_over_fee(make_payment(provider="in_person"))
    return PERIODIC


def owed_fees_of_last_month() -> Arguments:
    with time_machine.travel(timezone.now() - timedelta(days=45)):
        return owed_fees()


def open_bill() -> Arguments:
    owed_fees_of_last_month()
    billing.make_bills_of_last_month()
    ProcrastinateJob.objects.filter(task_name__startswith="payments.").delete()
    return {"bill_id": str(FeeBill.objects.get().pk)}


def due_bill() -> Arguments:
    open_bill()
    return PERIODIC


SCENES: dict[str, Callable[[], Arguments]] = {
    "payments.cancel": asked_to_cancel,
    "payments.capture": asked_to_capture,
    "payments.ask_for_fee_cards": owed_fees,
    "payments.charge_fee_bill": open_bill,
    "payments.charge_fee_bills": due_bill,
    "payments.check_ledger": damaged_ledger,
    "payments.create": created,
    "payments.deliver_sandbox_webhook": told_by_sandbox,
    "payments.make_fee_bills": owed_fees_of_last_month,
    "payments.reconcile": listed_by_provider,
    "payments.reconcile_day": movements_of_a_day,
    "payments.delete_old_webhooks": old_webhook,
    "payments.finish_sandbox_payout": sent_by_sandbox,
    "payments.handle_webhook": told_of_refund,
    "payments.issue_documents": captured_sale,
    "payments.issue_missing_documents": captured_sale_without_job,
    "payments.open_sandbox_chargeback": paid_by_card_that_is_charged_back,
    "payments.pay_out": released,
    "payments.pay_out_waiting": not_sent,
    "payments.poll_unsettled": waited_long,
    "payments.refresh_account": wants_account,
    "payments.refresh": paid_by_payer,
    "payments.refund": asked_for_refund,
    "payments.remove_card": removed_card,
    "payments.reverse_transfer": refunded_after_transfer,
    "payments.transfer": asked_for_transfer,
}
# Those that must have changed a row; the reversal of a part of a transfer changes the provider's alone.
CHANGING = SCENES.keys() - {"payments.reverse_transfer"}
