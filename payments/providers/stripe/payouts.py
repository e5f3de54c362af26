"""What sellers have at Stripe and what leaves for their banks: balances, payouts, transfers."""

from typing import Any

from payments.providers.base import PayoutState, ProviderRefused, TransferState
from payments.providers.stripe.client import call, find_by_reference, id_of, stripe_client
from payments.providers.stripe.states import payout_state, transfer_state


def available_balance(account: str, currency: str) -> int:
    """Return what can be sent to the bank now; less than 0 if the account owes."""
    balance = call(stripe_client().v1.balance.retrieve, account=account)
    amounts: list[int] = [
        entry["amount"] for entry in balance["available"] if entry["currency"] == currency.lower()
    ]
    return sum(amounts)


def create_payout(account: str, amount: int, currency: str, *, reference: str, key: str) -> PayoutState:
    payouts = stripe_client().v1.payouts
    payout = find_by_reference(payouts.list, reference=reference, account=account)
    if payout is None:
        payout = call(
            payouts.create,
            params={"amount": amount, "currency": currency.lower(), "metadata": {"reference": reference}},
            account=account,
            key=key,
        )
    return payout_state(payout, account)


def fetch_payout(external_id: str, account: str) -> PayoutState:
    return payout_state(call(stripe_client().v1.payouts.retrieve, external_id, account=account), account)


def create_transfer(
    payment: str, account: str, amount: int, currency: str, *, reference: str, key: str
) -> TransferState:
    """Send a seller's share of a payment on our account to theirs, out of that payment's own money."""
    client = stripe_client()
    intent = call(client.v1.payment_intents.retrieve, payment)
    params: dict[str, Any] = {
        "amount": amount,
        "currency": currency.lower(),
        "destination": account,
        "source_transaction": id_of(intent.get("latest_charge")),
        "transfer_group": intent.get("transfer_group"),
        "metadata": {"reference": reference},
    }
    transfer = find_by_reference(
        client.v1.transfers.list, params={"transfer_group": params["transfer_group"]}, reference=reference
    ) or call(client.v1.transfers.create, params=params, key=key)
    return transfer_state(transfer)


def reverse_transfer(external_id: str, amount: int, *, key: str) -> TransferState:
    """Take back from a seller's account; refused with `balance_insufficient` if it is not there any more."""
    client = stripe_client()
    try:
        call(client.v1.transfers.reversals.create, external_id, params={"amount": amount}, key=key)
    except ProviderRefused:
        state = fetch_transfer(external_id)
        if state.state != "reversed":
            raise
        return state
    return fetch_transfer(external_id)


def fetch_transfer(external_id: str) -> TransferState:
    return transfer_state(call(stripe_client().v1.transfers.retrieve, external_id))
