"""Stripe's objects as the states that our services compare with their rows."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from payments.models import Chargeback, Payment, Payout, Refund, Transfer
from payments.providers.base import (
    INQUIRY,
    AccountState,
    CardSetupState,
    ChargebackState,
    PaymentState,
    PayoutState,
    RefundState,
    TransferState,
)
from payments.providers.stripe.client import id_of, reference_of

PAYMENT_STATES = {
    "requires_payment_method": Payment.State.REQUIRES_ACTION,
    "requires_confirmation": Payment.State.REQUIRES_ACTION,
    "requires_action": Payment.State.REQUIRES_ACTION,
    "processing": Payment.State.REQUIRES_ACTION,
    "requires_capture": Payment.State.AUTHORISED,
    "succeeded": Payment.State.CAPTURED,
    "canceled": Payment.State.CANCELLED,
}
REFUND_STATES = {
    "pending": Refund.State.PENDING,
    "requires_action": Refund.State.PENDING,
    "succeeded": Refund.State.SUCCEEDED,
    "failed": Refund.State.FAILED,
    "canceled": Refund.State.FAILED,
}
PAYOUT_STATES = {
    "pending": Payout.State.ON_ITS_WAY,
    "in_transit": Payout.State.ON_ITS_WAY,
    "paid": Payout.State.PAID,
    "failed": Payout.State.FAILED,
    "canceled": Payout.State.FAILED,
}
CHARGEBACK_STATES = {
    "needs_response": Chargeback.State.OPEN,
    "under_review": Chargeback.State.OPEN,
    "won": Chargeback.State.WON,
    "lost": Chargeback.State.LOST,
    # The bank only asks, or was stopped from taking the money back: nothing has moved.
    "warning_needs_response": INQUIRY,
    "warning_under_review": INQUIRY,
    "warning_closed": INQUIRY,
    "prevented": INQUIRY,
}

REQUIRED_CAPABILITIES = ("card_payments", "transfers")
"""What an account needs to be paid by card: for charges on it, and for charges on ours on its behalf."""


def failure_code(error: dict[str, Any]) -> str:
    """Return why a card was refused: the bank's word where it says more than that it was declined."""
    declined = error.get("decline_code")
    return str((declined if declined != "generic_decline" else "") or error.get("code") or "")


def payment_state(intent: dict[str, Any], account: str) -> PaymentState:
    """`account` is the one that the payment was read from; empty for ours."""
    state = PAYMENT_STATES[intent["status"]]
    failure = ""
    if state is Payment.State.REQUIRES_ACTION:
        error = intent.get("last_payment_error") or {}
        failure = failure_code(error)
        waits_for_payer = intent["status"] in ("requires_payment_method", "requires_action")
        if waits_for_payer and (intent.get("metadata") or {}).get("saved_card"):
            # Nobody is there to enter another card or to pass a challenge.
            state, failure = Payment.State.FAILED, failure or "authentication_required"
    elif state is Payment.State.CANCELLED:
        failure = intent.get("cancellation_reason") or ""
    is_payable = state is Payment.State.REQUIRES_ACTION
    return PaymentState(
        external_id=intent["id"],
        state=state.value,
        # After a capture, what was captured is what counts.
        amount=intent["amount_received"] if state is Payment.State.CAPTURED else intent["amount"],
        currency=intent["currency"].upper(),
        account=account or id_of(intent.get("on_behalf_of")),
        client_secret=(intent.get("client_secret") or "") if is_payable else "",
        failure_code=failure[:60],
        fee=intent.get("application_fee_amount"),
        reference=reference_of(intent),
    )


def refund_state(refund: dict[str, Any]) -> RefundState:
    state = REFUND_STATES[refund["status"]]
    failure = refund.get("failure_reason") or refund["status"] if state is Refund.State.FAILED else ""
    return RefundState(
        external_id=refund["id"],
        state=state.value,
        amount=refund["amount"],
        currency=refund["currency"].upper(),
        payment=id_of(refund.get("payment_intent")),
        failure_code=failure[:60],
        reference=reference_of(refund),
    )


def chargeback_state(dispute: dict[str, Any]) -> ChargebackState:
    due_by = (dispute.get("evidence_details") or {}).get("due_by")
    return ChargebackState(
        external_id=dispute["id"],
        payment=id_of(dispute.get("payment_intent")),
        state=str(CHARGEBACK_STATES[dispute["status"]]),
        amount=dispute["amount"],
        currency=dispute["currency"].upper(),
        reason=dispute.get("reason") or "",
        respond_by=datetime.fromtimestamp(due_by, UTC) if due_by else None,
    )


def payout_state(payout: dict[str, Any], account: str) -> PayoutState:
    state = PAYOUT_STATES[payout["status"]]
    failure = payout.get("failure_code") or payout["status"] if state is Payout.State.FAILED else ""
    arrives = payout.get("arrival_date")
    return PayoutState(
        external_id=payout["id"],
        state=state.value,
        amount=payout["amount"],
        currency=payout["currency"].upper(),
        account=account,
        failure_code=failure[:60],
        arrives_on=datetime.fromtimestamp(arrives, UTC).date() if arrives else None,
        reference=reference_of(payout),
    )


def transfer_state(transfer: dict[str, Any]) -> TransferState:
    """A transfer of which only a part was reversed still stands."""
    state = Transfer.State.REVERSED if transfer.get("reversed") else Transfer.State.SUCCEEDED
    return TransferState(
        external_id=transfer["id"],
        state=state.value,
        amount=transfer["amount"],
        currency=transfer["currency"].upper(),
        account=id_of(transfer.get("destination")),
        reference=reference_of(transfer),
    )


def account_state(account: dict[str, Any]) -> AccountState:
    """Tell whether an account can do what our way of charging needs, which is more than Stripe's own flag."""
    requirements = account.get("requirements") or {}
    due = [*(requirements.get("past_due") or []), *(requirements.get("currently_due") or [])]
    capabilities = account.get("capabilities") or {}
    reason = requirements.get("disabled_reason") or ""
    missing = [name for name in REQUIRED_CAPABILITIES if capabilities.get(name) != "active"]
    if missing:
        reason = reason or f"capability_{capabilities.get(missing[0], 'missing')}:{missing[0]}"
    schedule = ((account.get("settings") or {}).get("payouts") or {}).get("schedule") or {}
    pays_out_by_itself = schedule.get("interval", "manual") != "manual"
    if pays_out_by_itself:
        # Stripe would send the money to the seller's bank before the buyer has what was bought.
        reason = reason or "payouts_not_manual"
    return AccountState(
        external_id=account["id"],
        charges_enabled=bool(account["charges_enabled"]) and not missing and not pays_out_by_itself,
        payouts_enabled=bool(account["payouts_enabled"]),
        requirements=list(dict.fromkeys(due)),
        disabled_reason=reason[:100],
    )


def card_setup_state(setup: dict[str, Any]) -> CardSetupState:
    """`setup` has its payment method expanded; the card counts only once it may be charged."""
    method = setup.get("payment_method")
    customer = id_of(setup.get("customer"))
    if setup["status"] != "succeeded" or not isinstance(method, dict):
        return CardSetupState(setup["id"], customer, client_secret=setup.get("client_secret") or "")
    card = method.get("card") or {}
    return CardSetupState(
        setup["id"],
        customer,
        card=method["id"],
        brand=card.get("brand", "")[:20],
        last4=card.get("last4", ""),
        expires_on=_last_day(card["exp_year"], card["exp_month"]) if card.get("exp_year") else None,
    )


def _last_day(year: int, month: int) -> date:
    return (date(year, month, 28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
