"""Payments that the payer's bank takes back."""

import time
from typing import Any

from payments.testing.stripe_server.routes import Call, route
from payments.testing.stripe_server.store import PLATFORM, Object, Store

DISPUTE_FEE = 6_000
DAYS_TO_RESPOND = 7


def open_dispute(
    store: Store, charge: Object, reason: str, amount: int, *, is_inquiry: bool = False
) -> Object:
    """Take the money back, unless the bank only asks."""
    account = store.account_of(charge["id"])
    dispute = store.add(
        "dp",
        "dispute",
        account,
        {
            "amount": amount,
            "charge": charge["id"],
            "currency": charge["currency"],
            "evidence_details": {
                "due_by": int(time.time()) + DAYS_TO_RESPOND * 86400,
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
            },
            "is_charge_refundable": is_inquiry,
            "payment_intent": charge["payment_intent"],
            "reason": reason,
            "status": "warning_needs_response" if is_inquiry else "needs_response",
        },
        index=charge["payment_intent"],
    )
    store.emit("charge.dispute.created", dispute, account)
    if not is_inquiry:
        withdraw(store, dispute, charge)
    return dispute


def withdraw(store: Store, dispute: Object, charge: Object) -> None:
    account = store.account_of(dispute["id"])
    charge["disputed"] = True
    dispute["status"] = "needs_response"
    store.move(account, -dispute["amount"], "adjustment", dispute, category="dispute")
    store.move(PLATFORM, -DISPUTE_FEE, "stripe_fee", dispute, category="fee")
    store.emit("charge.dispute.funds_withdrawn", dispute, account)


def close_dispute(store: Store, dispute: Object, *, won: bool) -> None:
    account = store.account_of(dispute["id"])
    if dispute["status"].startswith("warning_"):
        dispute["status"] = "warning_closed"
    else:
        was_won, dispute["status"] = dispute["status"] == "won", "won" if won else "lost"
        if won and not was_won:
            store.move(account, dispute["amount"], "adjustment", dispute, category="dispute_reversal")
            store.emit("charge.dispute.funds_reinstated", dispute, account)
        elif was_won and not won:
            store.move(account, -dispute["amount"], "adjustment", dispute, category="dispute")
            store.emit("charge.dispute.funds_withdrawn", dispute, account)
    store.emit("charge.dispute.closed", dispute, account)


@route("GET", "/disputes/{id}")
def retrieve(call: Call) -> Object:
    return call.find("dispute")


def dispute_of(store: Store, intent: Object) -> Any:
    """Return the last dispute of a payment."""
    ids = store.listed("dispute", store.account_of(intent["id"]), index=intent["id"])
    return store.find(ids[-1])
