"""Sellers' connected accounts at Stripe, and the cards that sellers save with us for their bills."""

from typing import Any

from payments.providers.base import AccountState, CardSetupState, ProviderRefused
from payments.providers.stripe.client import call, stripe_client
from payments.providers.stripe.states import REQUIRED_CAPABILITIES, account_state, card_setup_state


def create_account(*, reference: str, email: str, country: str, key: str) -> AccountState:
    """Make an account: we pay Stripe's fees, Stripe asks the seller, payouts leave only when we say so."""
    params: dict[str, Any] = {
        "country": country,
        "email": email,
        "controller": {
            "fees": {"payer": "application"},
            "losses": {"payments": "application"},  # Stripe demands it where the platform pays the fees
            "requirement_collection": "stripe",
            "stripe_dashboard": {"type": "express"},
        },
        "capabilities": {name: {"requested": True} for name in REQUIRED_CAPABILITIES},
        "settings": {"payouts": {"schedule": {"interval": "manual"}}},
        "metadata": {"reference": reference},
    }
    return account_state(call(stripe_client().v1.accounts.create, params=params, key=key))


def fetch_account(external_id: str) -> AccountState:
    return account_state(call(stripe_client().v1.accounts.retrieve, external_id))


def onboarding_url(account: str, *, return_url: str, refresh_url: str) -> str:
    """Return a link that works once, for a few minutes; Stripe sends late comers to `refresh_url`."""
    link = call(
        stripe_client().v1.account_links.create,
        params={
            "account": account,
            "type": "account_onboarding",
            "return_url": return_url,
            "refresh_url": refresh_url,
            "collection_options": {"fields": "eventually_due"},
        },
    )
    return str(link["url"])


def create_card_setup(*, customer: str, reference: str, email: str, key: str) -> CardSetupState:
    """Begin to save a card on our own account, to be charged later without its owner."""
    client = stripe_client()
    if not customer:
        made = call(
            client.v1.customers.create,
            params={"email": email, "metadata": {"reference": reference}},
            key=f"{key}:customer",
        )
        customer = made["id"]
    setup = call(
        client.v1.setup_intents.create,
        params={
            "customer": customer,
            "payment_method_types": ["card"],
            "usage": "off_session",
            "metadata": {"reference": reference},
        },
        key=key,
    )
    return card_setup_state(setup)


def fetch_card_setup(external_id: str) -> CardSetupState:
    return card_setup_state(
        call(stripe_client().v1.setup_intents.retrieve, external_id, params={"expand": ["payment_method"]})
    )


def remove_card(card: str, *, key: str) -> None:
    """Detach a saved card from its customer. Stripe refuses it for one that was detached before."""
    methods = stripe_client().v1.payment_methods
    try:
        call(methods.detach, card, key=key)
    except ProviderRefused:
        if call(methods.retrieve, card).get("customer"):
            raise
