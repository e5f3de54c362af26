"""Refunds and chargebacks at Stripe."""

import logging

from payments.providers.base import ChargebackState, ProviderRefused, RefundState
from payments.providers.stripe.client import call, find_by_reference, id_of, stripe_client
from payments.providers.stripe.states import chargeback_state, refund_state

logger = logging.getLogger(__name__)


def create_refund(
    payment: str, account: str, amount: int, *, fee: int, reference: str, key: str
) -> RefundState:
    """Refund from the account that was paid, then give it back exactly `fee` of our share.

    Stripe's own `refund_application_fee` divides our share in proportion and rounds by its own rule; what
    goes back must be what our books say, to the fils, so it is asked for as an amount.
    """
    client = stripe_client()
    refund = find_by_reference(
        client.v1.refunds.list, params={"payment_intent": payment}, reference=reference, account=account
    )
    if refund is None:
        refund = call(
            client.v1.refunds.create,
            params={"payment_intent": payment, "amount": amount, "metadata": {"reference": reference}},
            account=account,
            key=key,
        )
    if account and fee and refund["status"] not in ("failed", "canceled"):
        _return_fee(payment, account, fee, reference, key)
    return refund_state(refund)


def _return_fee(payment: str, account: str, fee: int, reference: str, key: str) -> None:
    client = stripe_client()
    intent = call(
        client.v1.payment_intents.retrieve, payment, params={"expand": ["latest_charge"]}, account=account
    )
    application_fee = id_of((intent.get("latest_charge") or {}).get("application_fee"))
    if not application_fee:
        logger.error("Payment %s at Stripe has no fee of ours to give back", payment)
        return
    if find_by_reference(client.v1.application_fees.refunds.list, application_fee, reference=reference):
        return
    try:
        call(
            client.v1.application_fees.refunds.create,
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
