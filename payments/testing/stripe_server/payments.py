"""Payment intents, charges and our share of them."""

import secrets
from typing import Any

from payments.testing.stripe_server.cards import CARDS, TestCard
from payments.testing.stripe_server.disputes import open_dispute
from payments.testing.stripe_server.errors import ApiError, invalid, unexpected_state
from payments.testing.stripe_server.routes import Call, page, route
from payments.testing.stripe_server.store import PLATFORM, Object, Store

MINIMUM = 200  # AED 2.00
STRIPE_FEE_PER_MILLE, STRIPE_FEE_FIXED = 29, 100
CANCELLABLE = ("requires_payment_method", "requires_confirmation", "requires_action", "requires_capture")
CONFIRMABLE = CANCELLABLE[:3]


@route(
    "POST",
    "/payment_intents",
    "amount currency description metadata payment_method_types capture_method application_fee_amount"
    " on_behalf_of transfer_group customer payment_method off_session confirm return_url",
)
def create(call: Call) -> Object:
    amount, currency = call.integer("amount"), call.text("currency")
    fee = call.integer("application_fee_amount", default=0)
    if currency != "aed":
        raise invalid(f"Invalid currency: {currency}", param="currency")
    if amount < MINIMUM:
        raise ApiError(400, "Amount must be at least AED 2.00", code="amount_too_small", param="amount")
    if "application_fee_amount" in call.params and (call.account == PLATFORM or not 0 < fee <= amount):
        raise invalid("Invalid application_fee_amount", param="application_fee_amount")
    capture_method = call.text("capture_method", default="automatic_async")
    if capture_method not in ("manual", "automatic", "automatic_async"):
        raise invalid("Invalid capture_method", param="capture_method")
    for account_id in (call.account, call.text("on_behalf_of", default="")):
        _check_capability(call.store, account_id)
    customer = call.text("customer", default="")
    if customer:
        call.store.get("customer", customer, call.account)
    intent = call.store.add(
        "pi",
        "payment_intent",
        call.account,
        {
            "amount": amount,
            "amount_capturable": 0,
            "amount_received": 0,
            "application_fee_amount": fee or None,
            "canceled_at": None,
            "cancellation_reason": None,
            "capture_method": capture_method,
            "client_secret": None,
            "confirmation_method": "automatic",
            "currency": currency,
            "customer": customer or None,
            "description": call.params.get("description"),
            "last_payment_error": None,
            "latest_charge": None,
            "metadata": call.nested("metadata"),
            "next_action": None,
            "on_behalf_of": call.params.get("on_behalf_of"),
            "payment_method": call.params.get("payment_method"),
            "payment_method_types": call.params.get("payment_method_types", ["card"]),
            "status": "requires_payment_method",
            "transfer_group": call.params.get("transfer_group"),
        },
        index=customer,
    )
    intent["client_secret"] = f"{intent['id']}_secret_{secrets.token_hex(8)}"
    call.store.emit("payment_intent.created", intent, call.account)
    if call.flag("confirm"):
        _confirm(call.store, intent, call.text("payment_method"), call.account, call.flag("off_session"))
    return intent


def _check_capability(store: Store, account_id: str) -> None:
    if not account_id:
        return
    account = store.find(account_id)
    if account is None or account["object"] != "account":
        raise ApiError(400, f"No such destination: '{account_id}'", code="account_invalid")
    if account["capabilities"].get("card_payments") != "active":
        raise ApiError(400, "Your account cannot currently make charges.", param="card_payments")


@route("GET", "/payment_intents", "limit starting_after created customer")
def list_payments(call: Call) -> Object:
    index = call.text("customer", default="")
    return page(call, "payment_intent", "/v1/payment_intents", index=index)


@route("GET", "/payment_intents/{id}", "client_secret", payers=True)
def retrieve(call: Call) -> Object:
    return _of_payer(call)


@route("POST", "/payment_intents/{id}/confirm", "payment_method client_secret return_url", payers=True)
def confirm(call: Call) -> Object:
    intent = _of_payer(call)
    _confirm(call.store, intent, call.text("payment_method"), call.account, is_off_session=False)
    return intent


def _of_payer(call: Call) -> Object:
    intent = call.find("payment_intent")
    if call.is_payer and not secrets.compare_digest(
        call.params.get("client_secret", ""), intent["client_secret"]
    ):
        raise invalid("No such payment_intent", code="resource_missing", param="client_secret")
    return intent


def card_of(store: Store, method: str) -> TestCard:
    """Return the test card of a payment method: one of Stripe's names, or a saved one."""
    if method in CARDS:
        return CARDS[method]
    saved = store.find(method)
    if saved is None or saved["object"] != "payment_method":
        raise ApiError(400, f"No such PaymentMethod: '{method}'", code="resource_missing")
    if saved["customer"] is None:
        raise ApiError(
            400, "The provided PaymentMethod was detached from its Customer and can't be used again."
        )
    return CARDS[saved["test_card"]]


def _confirm(store: Store, intent: Object, method: str, account: str, is_off_session: bool) -> None:
    if intent["status"] not in CONFIRMABLE:
        raise unexpected_state(intent, "confirmed")
    card = card_of(store, method)
    intent["payment_method"] = method
    if card.decline_code:
        decline(store, intent, account, "card_declined", card.decline_code)
    if card.challenge and is_off_session:
        decline(store, intent, account, "authentication_required", "authentication_required")
    if card.challenge:
        intent["status"] = "requires_action"
        intent["next_action"] = {"type": "use_stripe_sdk", "use_stripe_sdk": {}}
        store.emit("payment_intent.requires_action", intent, account)
        return
    authorise(store, intent, account)


def decline(store: Store, intent: Object, account: str, code: str, decline_code: str) -> None:
    """Fail an attempt; the payer may try again. Raises the error that is answered."""
    error = {
        "type": "card_error",
        "code": code,
        "decline_code": decline_code,
        "message": "Your card was declined.",
    }
    charge = _add_charge(store, intent, account, status="failed")
    intent.update(
        status="requires_payment_method",
        last_payment_error=error,
        next_action=None,
        latest_charge=charge["id"],
    )
    store.emit("payment_intent.payment_failed", intent, account)
    raise ApiError(
        402,
        error["message"],
        kind="card_error",
        code=code,
        decline_code=decline_code,
        charge=charge["id"],
        payment_intent=store.copy(intent),
    )


def authorise(store: Store, intent: Object, account: str) -> None:
    """Block the card for the amount; without manual capture, also take it."""
    charge = _add_charge(store, intent, account, status="succeeded")
    intent.update(
        status="requires_capture",
        amount_capturable=intent["amount"],
        latest_charge=charge["id"],
        last_payment_error=None,
        next_action=None,
    )
    if intent["capture_method"] == "manual":
        store.emit("payment_intent.amount_capturable_updated", intent, account)
    else:
        _capture(store, intent, account, intent["amount"])


def _add_charge(store: Store, intent: Object, account: str, *, status: str) -> Object:
    return store.add(
        "ch",
        "charge",
        account,
        {
            "amount": intent["amount"],
            "amount_captured": 0,
            "amount_refunded": 0,
            "application_fee": None,
            "application_fee_amount": intent["application_fee_amount"],
            "balance_transaction": None,
            "captured": False,
            "currency": intent["currency"],
            "customer": intent["customer"],
            "disputed": False,
            "metadata": dict(intent["metadata"]),
            "on_behalf_of": intent["on_behalf_of"],
            "paid": status == "succeeded",
            "payment_intent": intent["id"],
            "payment_method": intent["payment_method"],
            "refunded": False,
            "status": status,
            "transfer_group": intent["transfer_group"],
        },
        index=intent["id"],
    )


@route("POST", "/payment_intents/{id}/capture", "amount_to_capture application_fee_amount")
def capture(call: Call) -> Object:
    intent = call.find("payment_intent")
    if intent["status"] != "requires_capture":
        raise unexpected_state(intent, "captured")
    amount = call.integer("amount_to_capture", default=intent["amount"])
    if not 0 < amount <= intent["amount"]:
        raise ApiError(400, "Amount to capture is too large", code="amount_too_large")
    _capture(call.store, intent, call.account, amount)
    return intent


def _capture(store: Store, intent: Object, account: str, amount: int) -> None:
    charge: Any = store.find(intent["latest_charge"])
    intent.update(status="succeeded", amount_capturable=0, amount_received=amount)
    charge.update(captured=True, amount_captured=amount)
    share = intent["application_fee_amount"] or 0
    stripe_fee = amount * STRIPE_FEE_PER_MILLE // 1000 + STRIPE_FEE_FIXED
    if account == PLATFORM:
        charge["balance_transaction"] = store.move(account, amount, "charge", charge, stripe_fee=stripe_fee)
    else:
        charge["balance_transaction"] = store.move(account, amount, "charge", charge, application_fee=share)
        store.move(PLATFORM, -stripe_fee, "stripe_fee", charge, category="fee")
    if share:
        _take_share(store, charge, account, share)
    store.emit("charge.captured", charge, account)
    store.emit("payment_intent.succeeded", intent, account)
    if card_of(store, intent["payment_method"]).is_charged_back:
        open_dispute(store, charge, "fraudulent", amount)


def _take_share(store: Store, charge: Object, account: str, share: int) -> None:
    fee = store.add(
        "fee",
        "application_fee",
        PLATFORM,
        {
            "account": account,
            "amount": share,
            "amount_refunded": 0,
            "charge": charge["id"],
            "currency": charge["currency"],
            "refunded": False,
            "balance_transaction": None,
        },
    )
    fee["balance_transaction"] = store.move(PLATFORM, share, "application_fee", fee)
    charge["application_fee"] = fee["id"]
    store.emit("application_fee.created", fee, PLATFORM)


@route("POST", "/payment_intents/{id}/cancel", "cancellation_reason")
def cancel(call: Call) -> Object:
    intent = call.find("payment_intent")
    if intent["status"] not in CANCELLABLE:
        raise unexpected_state(intent, "canceled")
    cancel_intent(call.store, intent, call.params.get("cancellation_reason"))
    return intent


def cancel_intent(store: Store, intent: Object, reason: str | None) -> None:
    intent.update(
        status="canceled",
        amount_capturable=0,
        cancellation_reason=reason,
        canceled_at=intent["created"],
        next_action=None,
    )
    store.emit("payment_intent.canceled", intent, store.account_of(intent["id"]))
