"""Background jobs of payments: calls to providers, what they tell, bills, and proofs."""

from datetime import date
from uuid import UUID

from procrastinate.contrib.django import app

from payments.models import Payment
from payments.providers.sandbox import operations as sandbox
from payments.providers.sandbox.webhooks import signed_headers
from payments.services import (
    accounts,
    billing,
    cards,
    documents,
    ledger_check,
    payments,
    payouts,
    polling,
    reconciliation,
    refunds,
    transfers,
    webhooks,
)
from soukloop.core.jobs.retries import task


@task("payments.create")
def create(payment_id: str) -> None:
    """Begin a payment at its provider."""
    payments.create_at_provider(UUID(payment_id))


@task("payments.capture")
def capture(payment_id: str) -> None:
    """Take the money of an authorised payment."""
    payments.capture_at_provider(UUID(payment_id))


@task("payments.cancel")
def cancel(payment_id: str) -> None:
    """Cancel a payment that was given up, at its provider."""
    payments.cancel_at_provider(UUID(payment_id))


@task("payments.refund")
def refund(refund_id: str) -> None:
    """Make a refund at its provider."""
    refunds.refund_at_provider(UUID(refund_id))


@task("payments.transfer")
def transfer(transfer_id: str) -> None:
    """Send a seller's share to their account at the provider."""
    transfers.transfer_at_provider(UUID(transfer_id))


@task("payments.reverse_transfer")
def reverse_transfer(refund_id: str | None = None, chargeback_id: str | None = None) -> None:
    """Take back the seller's part of a refund or of a lost chargeback."""
    if refund_id is not None:
        transfers.reverse_for_refund(UUID(refund_id))
    if chargeback_id is not None:
        transfers.reverse_for_chargeback(UUID(chargeback_id))


@task("payments.pay_out")
def pay_out(account_id: str, after_failure_of: str | None = None) -> None:
    """Send a seller's available money to their bank."""
    payouts.pay_out(UUID(account_id), after_failure_of=UUID(after_failure_of) if after_failure_of else None)


@task("payments.refresh")
def refresh(subject: str, row_id: str) -> None:
    """Ask the provider for the present state of a row of ours."""
    polling.refresh(subject, UUID(row_id))


@task("payments.handle_webhook")
def handle_webhook(event_id: int) -> None:
    """Ask the provider about what one of its messages names."""
    webhooks.handle_webhook(event_id)


@app.periodic(cron="* * * * *")
@task("payments.poll_unsettled", queueing_lock="payments.poll_unsettled")
def poll_unsettled(timestamp: int) -> None:
    """Ask again about payments, refunds, payouts, transfers and chargebacks that have waited long."""
    polling.poll_unsettled()
    webhooks.enqueue_forgotten_webhooks()


@app.periodic(cron="20 * * * *")
@task("payments.pay_out_waiting", queueing_lock="payments.pay_out_waiting")
def pay_out_waiting(timestamp: int) -> None:
    """Send sellers the available money that their accounts could not send before."""
    payouts.pay_out_waiting()


@app.periodic(cron="40 3 * * *")
@task("payments.delete_old_webhooks", queueing_lock="payments.delete_old_webhooks")
def delete_old_webhooks(timestamp: int) -> None:
    """Delete providers' messages that were handled long ago."""
    webhooks.delete_old_webhooks()


@task("payments.issue_documents")
def issue_documents(payment_id: str) -> None:
    """Issue the invoices, receipts and credit notes of a payment that are missing."""
    documents.issue_documents_of(Payment.objects.get(pk=UUID(payment_id)))


@app.periodic(cron="25 * * * *")
@task("payments.issue_missing_documents", queueing_lock="payments.issue_missing_documents")
def issue_missing_documents(timestamp: int) -> None:
    """Issue documents whose own jobs have failed."""
    documents.issue_missing_documents()


@task("payments.refresh_account")
def refresh_account(account_id: str) -> None:
    """Make a seller's account at its provider, or ask for its state."""
    accounts.refresh_account(UUID(account_id))


@task("payments.remove_card")
def remove_card(provider_name: str, customer: str, card: str) -> None:
    """Let the provider forget a card that its owner has removed."""
    cards.remove_at_provider(provider_name, customer, card)


@task("payments.deliver_sandbox_webhook")
def deliver_sandbox_webhook(body: str) -> None:
    """Deliver a message of the sandbox, signed, as a real provider's arrives over the network."""
    content = body.encode()
    webhooks.receive_webhook(provider_name="sandbox", body=content, headers=signed_headers(content))


@task("payments.open_sandbox_chargeback")
def open_sandbox_chargeback(payment_id: str) -> None:
    """Take the money of a test card back that is charged back after its capture."""
    sandbox.charge_back_test_card(payment_id)


@task("payments.finish_sandbox_payout")
def finish_sandbox_payout(payout_id: str) -> None:
    """Let a payout of the sandbox arrive at the seller's bank."""
    sandbox.finish_payout(payout_id)


@app.periodic(cron="15 1 * * *")
@task("payments.check_ledger", queueing_lock="payments.check_ledger")
def check_ledger(timestamp: int) -> None:
    """Prove the ledger, and open a case for each difference."""
    ledger_check.open_cases_for(ledger_check.check_ledger())


@app.periodic(cron="45 1 * * *")
@task("payments.reconcile", queueing_lock="payments.reconcile")
def reconcile(timestamp: int) -> None:
    """Enqueue the comparison with each provider's movements of the days that are not compared yet."""
    reconciliation.enqueue_reconciliations()


@task("payments.reconcile_day")
def reconcile_day(provider: str, day: str) -> None:
    """Compare a provider's movements of a day with our rows."""
    reconciliation.reconcile_day(provider, date.fromisoformat(day))


@app.periodic(cron="30 0 * * *")
@task("payments.make_fee_bills", queueing_lock="payments.make_fee_bills")
def make_fee_bills(timestamp: int) -> None:
    """Make last month's bills for the fees of sales in person, unless they are made already."""
    billing.make_bills_of_last_month()


@task("payments.charge_fee_bill")
def charge_fee_bill(bill_id: str) -> None:
    """Charge a bill of fees to its seller's saved card."""
    billing.charge_bill(UUID(bill_id))


@app.periodic(cron="25 * * * *")
@task("payments.charge_fee_bills", queueing_lock="payments.charge_fee_bills")
def charge_fee_bills(timestamp: int) -> None:
    """Enqueue charging the bills of fees whose next attempt is due."""
    billing.enqueue_due_charges()


@app.periodic(cron="0 6 25 * *")
@task("payments.ask_for_fee_cards", queueing_lock="payments.ask_for_fee_cards")
def ask_for_fee_cards(timestamp: int) -> None:
    """Ask sellers who owe fees and have no saved card to save one before the month's bill."""
    billing.ask_for_cards()
