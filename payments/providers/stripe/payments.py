"""Payments at Stripe: payment intents, on the seller's account or on ours."""

from collections.abc import Callable
from typing import Any

from payments.providers.base import PaymentRequest, PaymentState, ProviderRefused
from payments.providers.stripe.client import call, find_by_reference, stripe_client
from payments.providers.stripe.states import payment_state

WRONG_STATE = "payment_intent_unexpected_state"


def create_payment(request: PaymentRequest) -> PaymentState:
    """Make a payment intent; a saved card is charged at once, everything else is captured later."""
    intents = stripe_client().v1.payment_intents
    account = "" if request.is_separate else request.account
    params: dict[str, Any] = {
        "amount": request.amount,
        "currency": request.currency.lower(),
        "description": request.description,
        "metadata": {"reference": request.reference},
        "payment_method_types": ["card"],  # Apple Pay and Google Pay are cards
        "capture_method": "manual",
    }
    if request.is_separate:
        params |= {"on_behalf_of": request.account, "transfer_group": request.reference}
    elif request.account and request.fee:
        params["application_fee_amount"] = request.fee
    if not request.card:
        return payment_state(call(intents.create, params=params, account=account, key=request.key), account)
    made = find_by_reference(
        intents.list, params={"customer": request.customer}, reference=request.reference, account=account
    )
    if made:
        return payment_state(made, account)
    params |= {
        "customer": request.customer,
        "payment_method": request.card,
        "capture_method": "automatic",
        "off_session": True,
        "confirm": True,
        "metadata": {"reference": request.reference, "saved_card": "1"},
    }
    try:
        return payment_state(call(intents.create, params=params, account=account, key=request.key), account)
    except ProviderRefused:
        # A declined card leaves a payment intent, which is what the refusal is about.
        made = find_by_reference(
            intents.list, params={"customer": request.customer}, reference=request.reference, account=account
        )
        if made is None:
            raise
        return payment_state(made, account)


def fetch_payment(external_id: str, account: str) -> PaymentState:
    return payment_state(
        call(stripe_client().v1.payment_intents.retrieve, external_id, account=account), account
    )


def capture_payment(external_id: str, account: str, *, key: str) -> PaymentState:
    """Capture; a payment that is captured or cancelled already is returned as it is."""
    return _move(
        stripe_client().v1.payment_intents.capture, external_id, account, key, ("succeeded", "canceled")
    )


def cancel_payment(external_id: str, account: str, *, key: str) -> PaymentState:
    return _move(stripe_client().v1.payment_intents.cancel, external_id, account, key, ("canceled",))


def _move(
    method: Callable[..., Any], external_id: str, account: str, key: str, final: tuple[str, ...]
) -> PaymentState:
    try:
        return payment_state(call(method, external_id, account=account, key=key), account)
    except ProviderRefused as refusal:
        if refusal.code != WRONG_STATE:
            raise
        intent = call(stripe_client().v1.payment_intents.retrieve, external_id, account=account)
        if intent["status"] not in final:
            raise
        return payment_state(intent, account)
