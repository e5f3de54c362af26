"""Balances, payouts to banks, transfers between accounts."""

import time
from typing import Any

from payments.testing.stripe_server.errors import ApiError, insufficient_balance, invalid
from payments.testing.stripe_server.routes import Call, page, route
from payments.testing.stripe_server.store import PLATFORM, Object, Store

DAYS_TO_ARRIVE = 3


@route("GET", "/balance")
def balance(call: Call) -> Object:
    amounts = {name: call.store.balance(call.account, name) for name in call.store.currencies(call.account)}
    return {
        "object": "balance",
        "livemode": False,
        "available": [{"amount": amount[0], "currency": name} for name, amount in amounts.items()],
        "pending": [{"amount": amount[1], "currency": name} for name, amount in amounts.items()],
    }


@route("GET", "/balance_transactions", "limit starting_after created payout source type")
def list_transactions(call: Call) -> Object:
    return page(call, "balance_transaction", "/v1/balance_transactions")


@route("POST", "/payouts", "amount currency metadata description method")
def create(call: Call) -> Object:
    store, amount, currency = call.store, call.integer("amount"), call.text("currency")
    if amount < 1:
        raise invalid("Invalid positive integer", code="parameter_invalid_integer", param="amount")
    account = store.find(call.account)
    if account is not None and not account["payouts_enabled"]:
        raise ApiError(400, "Payouts are not enabled on this account.", code="payouts_not_allowed")
    if amount > store.balance(call.account, currency)[0]:
        raise insufficient_balance("You have insufficient funds in your Stripe account.")
    payout = store.add(
        "po",
        "payout",
        call.account,
        {
            "amount": amount,
            "arrival_date": int(time.time()) + DAYS_TO_ARRIVE * 86400,
            "automatic": False,
            "balance_transaction": None,
            "currency": currency,
            "failure_balance_transaction": None,
            "failure_code": None,
            "failure_message": None,
            "metadata": call.nested("metadata"),
            "method": "standard",
            "status": "pending",
            "type": "bank_account",
        },
    )
    payout["balance_transaction"] = store.move(call.account, -amount, "payout", payout, currency=currency)
    store.emit("payout.created", payout, call.account)
    return payout


@route("GET", "/payouts", "limit starting_after created status")
def list_payouts(call: Call) -> Object:
    return page(call, "payout", "/v1/payouts")


@route("GET", "/payouts/{id}")
def retrieve(call: Call) -> Object:
    return call.find("payout")


@route("POST", "/payouts/{id}/cancel")
def cancel(call: Call) -> Object:
    payout = call.find("payout")
    if payout["status"] != "pending":
        raise ApiError(400, "Only pending payouts can be canceled.", code="payout_not_cancelable")
    return_payout(call.store, payout, status="canceled")
    return payout


def advance_payout(store: Store, payout: Object, status: str) -> None:
    payout["status"] = status
    kind = "payout.paid" if status == "paid" else "payout.updated"
    store.emit(kind, payout, store.account_of(payout["id"]))


def return_payout(store: Store, payout: Object, *, status: str = "failed", code: str | None = None) -> None:
    """Put the money back on the account; a bank may do so days after the payout was paid."""
    if payout["status"] in ("failed", "canceled"):
        return
    account = store.account_of(payout["id"])
    payout.update(status=status, failure_code=code)
    transaction = store.move(
        account,
        payout["amount"],
        "payout_failure" if status == "failed" else "payout_cancel",
        payout,
        currency=payout["currency"],
    )
    payout["failure_balance_transaction"] = transaction
    store.emit(f"payout.{status}", payout, account)


@route("POST", "/transfers", "amount currency destination source_transaction transfer_group metadata")
def transfer(call: Call) -> Object:
    store, amount, destination = call.store, call.integer("amount"), call.text("destination")
    account = store.find(destination)
    if account is None or account["object"] != "account":
        raise ApiError(400, f"No such destination: '{destination}'", code="resource_missing")
    if account["capabilities"].get("transfers") != "active":
        raise ApiError(
            400,
            "Your destination account needs to have the transfers capability enabled.",
            code="insufficient_capabilities_for_transfer",
        )
    source = call.params.get("source_transaction")
    if source:
        charge = store.get("charge", source, call.account)
        if amount > charge["amount_captured"] - charge.get("amount_transferred", 0):
            raise insufficient_balance("Transfers of this charge exceed its amount.")
        charge["amount_transferred"] = charge.get("amount_transferred", 0) + amount
    elif amount > store.balance(PLATFORM)[0]:
        raise insufficient_balance("You have insufficient available funds in your Stripe account.")
    made = store.add(
        "tr",
        "transfer",
        call.account,
        {
            "amount": amount,
            "amount_reversed": 0,
            "currency": call.text("currency"),
            "destination": destination,
            "metadata": call.nested("metadata"),
            "reversed": False,
            "source_transaction": source,
            "transfer_group": call.params.get("transfer_group"),
        },
        index=call.text("transfer_group", default=""),
    )
    made["balance_transaction"] = store.move(PLATFORM, -amount, "transfer", made)
    store.move(destination, amount, "transfer", made)
    store.emit("transfer.created", made, PLATFORM)
    return made


@route("GET", "/transfers", "limit starting_after created transfer_group destination")
def list_transfers(call: Call) -> Object:
    return page(call, "transfer", "/v1/transfers", index=call.text("transfer_group", default=""))


@route("GET", "/transfers/{id}")
def retrieve_transfer(call: Call) -> Object:
    return call.find("transfer")


@route("POST", "/transfers/{id}/reversals", "amount metadata")
def reverse(call: Call) -> Object:
    store, made = call.store, call.find("transfer")
    left = made["amount"] - made["amount_reversed"]
    amount = call.integer("amount", default=left)
    if not 0 < amount <= left:
        raise ApiError(400, "Reversal amount is greater than what is left of the transfer", param="amount")
    if amount > store.balance(made["destination"])[0]:
        raise insufficient_balance("The connected account has insufficient funds for this reversal.")
    made["amount_reversed"] += amount
    made["reversed"] = made["amount_reversed"] == made["amount"]
    reversal: Any = store.add(
        "trr",
        "transfer_reversal",
        PLATFORM,
        {"amount": amount, "currency": made["currency"], "transfer": made["id"]},
    )
    store.move(made["destination"], -amount, "transfer_refund", reversal)
    store.move(PLATFORM, amount, "transfer_refund", reversal)
    store.emit("transfer.reversed", made, PLATFORM)
    return dict(reversal)
