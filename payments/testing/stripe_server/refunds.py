"""Refunds, and our share of a payment given back."""

from typing import Any

from payments.testing.stripe_server.errors import ApiError, invalid, missing
from payments.testing.stripe_server.payments import card_of
from payments.testing.stripe_server.routes import Call, page, route
from payments.testing.stripe_server.store import PLATFORM, Object, Store


@route("POST", "/refunds", "payment_intent charge amount metadata reason refund_application_fee")
def create(call: Call) -> Object:
    store = call.store
    intent = store.get("payment_intent", call.text("payment_intent"), call.account)
    charge: Any = store.find(intent["latest_charge"] or "")
    if charge is None or not charge["captured"]:
        raise ApiError(400, "This PaymentIntent does not have a successful charge to refund.")
    if charge["refunded"]:
        raise ApiError(400, "Charge has already been refunded.", code="charge_already_refunded")
    if charge["disputed"]:
        raise ApiError(400, "Charge has been charged back.", code="charge_disputed")
    left = charge["amount_captured"] - charge["amount_refunded"]
    amount = call.integer("amount", default=left)
    if amount < 1:
        raise invalid("Invalid positive integer", code="parameter_invalid_integer", param="amount")
    if amount > left:
        raise ApiError(400, "Refund amount is greater than unrefunded amount on charge", param="amount")
    if call.flag("refund_application_fee") and charge["application_fee"]:
        fee = store.get("application_fee", charge["application_fee"], PLATFORM)
        _return_share(store, fee, fee["amount"] * amount // charge["amount"], {})
    waits_for_money = call.account != PLATFORM and not _covers(store, call.account, amount)
    waits_for_bank = card_of(store, intent["payment_method"]).refund == "pending"
    refund = store.add(
        "re",
        "refund",
        call.account,
        {
            "amount": amount,
            "balance_transaction": None,
            "charge": charge["id"],
            "currency": charge["currency"],
            "failure_balance_transaction": None,
            "failure_reason": None,
            "metadata": call.nested("metadata"),
            "payment_intent": intent["id"],
            "pending_reason": None,
            "reason": call.params.get("reason"),
            "status": "pending",
        },
        index=intent["id"],
    )
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    if waits_for_money:
        refund["pending_reason"] = "insufficient_funds"
        store.waiting_refunds[call.account].append(refund)
    else:
        _move_refund(store, refund)
        if waits_for_bank:
            refund["pending_reason"] = "processing"
        else:
            refund["status"] = "succeeded"
    store.emit("refund.created", refund, call.account)
    store.emit("charge.refunded", charge, call.account)
    return refund


def _covers(store: Store, account: str, amount: int) -> bool:
    return sum(store.balance(account)) >= amount


def settle_waiting(store: Store, account: str) -> None:
    """Make the refunds for which an account had no money, as far as it has now."""
    waiting = store.waiting_refunds.get(account)
    while waiting and _covers(store, account, waiting[0]["amount"]):
        refund = waiting.pop(0)
        if refund["status"] == "pending":
            settle_refund(store, refund)


def _move_refund(store: Store, refund: Object) -> None:
    account = store.account_of(refund["id"])
    refund["balance_transaction"] = store.move(account, -refund["amount"], "refund", refund)


def settle_refund(store: Store, refund: Object) -> None:
    """Let a pending refund succeed."""
    if refund["status"] != "pending":
        raise ValueError(f"{refund['id']} is {refund['status']}")
    if refund["balance_transaction"] is None:
        _move_refund(store, refund)
    refund.update(status="succeeded", pending_reason=None)
    store.emit("refund.updated", refund, store.account_of(refund["id"]))


def fail_refund(store: Store, refund: Object, reason: str) -> None:
    """Let a refund come back, also after it had succeeded."""
    if refund["status"] in ("failed", "canceled"):
        return
    account = store.account_of(refund["id"])
    refund.update(status="failed", failure_reason=reason, pending_reason=None)
    if refund["balance_transaction"]:
        refund["failure_balance_transaction"] = store.move(
            account, refund["amount"], "adjustment", refund, category="refund_failure"
        )
    charge: Any = store.find(refund["charge"])
    charge["amount_refunded"] -= refund["amount"]
    charge["refunded"] = False
    store.emit("refund.failed", refund, account)
    store.emit("refund.updated", refund, account)


@route("GET", "/refunds", "limit starting_after created payment_intent")
def list_refunds(call: Call) -> Object:
    return page(call, "refund", "/v1/refunds", index=call.text("payment_intent", default=""))


@route("GET", "/refunds/{id}")
def retrieve(call: Call) -> Object:
    return call.find("refund")


@route("GET", "/application_fees/{id}")
def retrieve_fee(call: Call) -> Object:
    return call.find("application_fee")


@route("GET", "/application_fees/{id}/refunds", "limit starting_after")
def list_fee_refunds(call: Call) -> Object:
    fee = call.find("application_fee")
    return page(call, "fee_refund", f"/v1/application_fees/{fee['id']}/refunds", index=fee["id"])


@route("POST", "/application_fees/{id}/refunds", "amount metadata")
def refund_fee(call: Call) -> Object:
    if call.account != PLATFORM:
        raise missing("application_fee", call.ids["id"])
    fee = call.find("application_fee")
    left = fee["amount"] - fee["amount_refunded"]
    amount = call.integer("amount", default=left)
    if not 0 < amount <= left:
        raise ApiError(400, "Refund amount is greater than the fee that is left", param="amount")
    return _return_share(call.store, fee, amount, call.nested("metadata"))


def _return_share(store: Store, fee: Object, amount: int, metadata: Object) -> Object:
    refund = store.add(
        "fr",
        "fee_refund",
        PLATFORM,
        {"amount": amount, "currency": fee["currency"], "fee": fee["id"], "metadata": metadata},
        index=fee["id"],
    )
    fee["amount_refunded"] += amount
    fee["refunded"] = fee["amount_refunded"] == fee["amount"]
    refund["balance_transaction"] = store.move(PLATFORM, -amount, "application_fee_refund", refund)
    store.move(fee["account"], amount, "adjustment", refund, category="fee")
    store.emit("application_fee.refunded", fee, PLATFORM)
    return refund
