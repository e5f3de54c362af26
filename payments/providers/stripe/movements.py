"""Stripe's own list of what happened on a balance, for the nightly comparison."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from payments.providers.base import Movement
from payments.providers.stripe.client import call_list, id_of, stripe_client

KINDS = {
    "charge": "charge",
    "payment": "charge",
    "refund": "refund",
    "payment_refund": "refund",
    "refund_failure": "refund_failed",
    "payment_failure_refund": "refund_failed",
    "payout": "payout",
    "payout_cancel": "payout_failed",
    "payout_failure": "payout_failed",
    # Between a seller's account and ours: nothing comes in or goes out of both together.
    "transfer": "transfer",
    "transfer_cancel": "transfer",
    "transfer_failure": "transfer",
    "transfer_refund": "transfer",
    "application_fee": "transfer",
    "application_fee_refund": "transfer",
    "stripe_fee": "fee",
    "stripe_fx_fee": "fee",
    "tax_fee": "fee",
}
# Of the type "adjustment", by Stripe's reporting category.
ADJUSTMENTS = {
    "dispute": "chargeback",
    "dispute_reversal": "chargeback_won",
    "fee": "fee",
    "payout_reversal": "payout_failed",
    "refund_failure": "refund_failed",
}


def movements(account: str, since: datetime, until: datetime) -> Iterator[Movement]:
    """Yield the movements of an account from `since` until just before `until`, the oldest first.

    Our share of a charge, which Stripe lists as a fee of it, is a transfer from the seller's account to ours:
    on both it is a movement of its own, and `fee` is only what Stripe kept.
    """
    params = {
        "created": {"gte": int(since.timestamp()), "lt": int(until.timestamp())},
        "expand": ["data.source"],
    }
    listed = list(call_list(stripe_client().v1.balance_transactions.list, params=params, account=account))
    for transaction in reversed(listed):
        yield from _movements(transaction, account)


def _movements(transaction: dict[str, Any], account: str) -> Iterator[Movement]:
    source = transaction["source"]
    kind = KINDS.get(transaction["type"]) or ADJUSTMENTS.get(transaction["reporting_category"], "other")
    if isinstance(source, dict) and source.get("object") in ("application_fee", "fee_refund"):
        kind = "transfer"  # our share, given back to the seller, is an adjustment on their account
    ours = sum(
        detail["amount"] for detail in transaction["fee_details"] if detail["type"] == "application_fee"
    )
    movement = Movement(
        external_id=transaction["id"],
        kind=kind,
        amount=transaction["amount"],
        fee=transaction["fee"] - ours,
        currency=transaction["currency"].upper(),
        source=_source(source),
        account=account,
        created_at=datetime.fromtimestamp(transaction["created"], UTC),
    )
    yield movement
    if ours:
        yield replace(
            movement, external_id=f"{movement.external_id}:share", kind="transfer", amount=-ours, fee=0
        )


def _source(source: Any) -> str:
    """Return the id that our rows know: charges are known by their payment intent."""
    if isinstance(source, dict) and source.get("object") == "charge":
        return id_of(source.get("payment_intent")) or id_of(source)
    return id_of(source)
