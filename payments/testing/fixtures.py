"""Fixtures of tests that talk to a card provider over HTTP."""

from collections.abc import Iterator
from typing import Any

import pytest

from payments.providers.stripe import StripeProvider
from payments.testing.stripe_server import StripeServer


@pytest.fixture
def stripe_server(settings: Any) -> Iterator[StripeServer]:
    """Run a server that answers as Stripe's, with the settings pointing to it.

    Cards are paid through it as soon as a test also sets `settings.CARD_PROVIDER = "stripe"`.
    """
    server = StripeServer().start()
    settings.STRIPE_SECRET_KEY = server.secret_key
    settings.STRIPE_PUBLISHABLE_KEY = server.publishable_key
    settings.STRIPE_API_BASE = server.url
    settings.STRIPE_WEBHOOK_SECRETS = []
    yield server
    server.close()


@pytest.fixture
def stripe_provider(stripe_server: StripeServer) -> StripeProvider:
    return StripeProvider()


@pytest.fixture
def stripe_account(stripe_server: StripeServer, stripe_provider: StripeProvider) -> str:
    """Return the id of a seller's account at Stripe that can be paid by card and receive payouts."""
    account = stripe_provider.create_account(
        reference="seller", email="seller@example.com", country="AE", key="account"
    )
    stripe_server.controls.complete_onboarding(account.external_id)
    return account.external_id
