"""The shapes of payments in answers."""

from typing import Any

from django.conf import settings
from rest_framework import serializers

from accounts.models import User
from payments.models import Payment
from payments.providers import IN_PERSON, provider
from soukloop.core.encryption import InvalidToken, decrypt
from soukloop.core.money import from_fils

CLIENT_SECRET = "payments.client_secret"  # noqa: S105 - the purpose of a key


class PaymentOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=Payment.State.choices)
    provider = serializers.CharField(help_text="`in_person`, or the provider of card payments")
    amount = serializers.DecimalField(max_digits=26, decimal_places=2)
    currency = serializers.ChoiceField(choices=settings.CURRENCIES)
    failure_code = serializers.CharField(
        help_text="Why it failed, or why the last card was declined, in the provider's words; empty otherwise"
    )
    client_secret = serializers.CharField(
        help_text="Opens the provider's form; for its payer, while the payment is `requires_action`",
        allow_null=True,
    )
    url = serializers.CharField(
        help_text="The form as a page, if the provider has one; while there is a `client_secret`",
        allow_null=True,
    )
    client_settings = serializers.DictField(
        child=serializers.CharField(),
        help_text="What the provider's form needs beside it, such as a publishable key",
        allow_null=True,
    )


class ReceivedOutput(serializers.Serializer[Any]):
    received = serializers.BooleanField()


def payment_body(payment: Payment, viewer: User) -> dict[str, Any]:
    """Return a payment for one of its sides; only its payer gets what opens the provider's form."""
    is_payable = (
        payment.state == Payment.State.REQUIRES_ACTION
        and viewer.pk == payment.payer_id
        and payment.provider != IN_PERSON
        and payment.cancel_asked_at is None
    )
    client_secret = _client_secret(payment) if is_payable else None
    client_settings = _client_settings(payment) if is_payable else None
    page = client_settings.get("payment_url", "") if client_secret and client_settings else ""
    return {
        "id": payment.pk,
        "state": payment.state,
        "provider": payment.provider,
        "amount": from_fils(payment.amount),
        "currency": payment.currency,
        "failure_code": payment.failure_code if viewer.pk == payment.payer_id else "",
        "client_secret": client_secret,
        "url": page.replace("{client_secret}", client_secret or "") or None,
        "client_settings": client_settings,
    }


def _client_settings(payment: Payment) -> dict[str, str]:
    account = payment.account.external_id if payment.account and not payment.is_separate else ""
    return provider(payment.provider).client_settings(account)


def _client_secret(payment: Payment) -> str | None:
    try:
        return decrypt(payment.client_secret, purpose=CLIENT_SECRET, max_age=settings.CLIENT_SECRETS_KEPT_FOR)
    except InvalidToken:
        return None
