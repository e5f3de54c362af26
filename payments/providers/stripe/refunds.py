"""Refunds and chargebacks at Stripe."""

import logging
from typing import Any

from payments.providers.base import ChargebackState, ProviderRefused, RefundState
from payments.providers.stripe.client import call, find_by_reference, id_of, stripe_client
from payments.providers.stripe.states import chargeback_state, refund_state

logger = logging.getLogger(__name__)


def create_refund(
    payment: str, account: str, amount: int, *, fee: int, reference: str, key: str
) -> RefundState:
    """Refund from the account that was paid, and give it back exactly `fee` of our share.

    For a whole payment Stripe does both in one call. Of a part it would divide our share in proportion and
    round by its own rule; what goes back must be what our books say, to the fils, so it is asked for as an
    amount of its own. Until then the refund may wait for money on the account.
    """
    client = stripe_client()
    intent = call(
        client.v1.payment_intents.retrieve, payment, params={"expand": ["latest_charge"]}, account=account
    )
    is_whole = (amount, fee) == (intent["amount_received"], intent.get("application_fee_amount") or 0)
    params: dict[str, Any] = {
        "payment_intent": payment,
        "amount": amount,
        "metadata": {"reference": reference},
    }
    if account and fee and is_whole:
        params["refund_application_fee"] = True
    refund = find_by_reference(
        client.v1.refunds.list, params={"payment_intent": payment}, reference=reference, account=account
    ) or call(client.v1.refunds.create, params=params, account=account, key=key)
    if account and fee and not is_whole and refund["status"] not in ("failed", "canceled"):
        _return_fee(intent, fee, reference, key)
        refund = call(client.v1.refunds.retrieve, refund["id"], account=account)
    return refund_state(refund)


def _return_fee(intent: dict[str, Any], fee: int, reference: str, key: str) -> None:
    fees = stripe_client().v1.application_fees
    application_fee = id_of((intent.get("latest_charge") or {}).get("application_fee"))
    if not application_fee:
        logger.error("Payment %s at Stripe has no fee of ours to give back", intent["id"])
        return
    if find_by_reference(fees.refunds.list, application_fee, reference=reference):
        return
    try:
        call(
            fees.refunds.create,
            application_fee,
            params={"amount": fee, "metadata": {"reference": reference}},
            key=f"{key}:fee",
        )
    except ProviderRefused as refusal:
        # The buyer has the money back, which must be booked; the nightly comparison finds the rest.
        logger.error("Our fee of refund %s was not given back: %s", reference, refusal.code)


def fetch_refund(external_id: str, account: str) -> RefundState:
    return refund_state(call(stripe_client().v1.refunds.retrieve, external_id, account=account))


def fetch_chargeback(external_id: str, account: str) -> ChargebackState:
    return chargeback_state(call(stripe_client().v1.disputes.retrieve, external_id, account=account))
