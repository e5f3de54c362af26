"""The shapes of sellers' accounts at the card provider, and of saved cards."""

from datetime import datetime
from typing import Any

from rest_framework import serializers

from payments.labels import requirement_text
from payments.models import SavedCard, SellerAccount
from payments.providers import provider

ACCOUNT_STATES = ["not_started", "incomplete", "in_review", "ready", "refused"]


class AccountRequirementOutput(serializers.Serializer[None]):
    name = serializers.CharField(help_text="The provider's name of what it asks for")
    text = serializers.CharField(help_text="What to do, for people")


class SellerAccountOutput(serializers.Serializer[None]):
    state = serializers.ChoiceField(
        choices=ACCOUNT_STATES,
        help_text="`incomplete`: the provider asks for `requirements`; `in_review`: it is checking;"
        " `ready`: buyers can pay by card; `refused`: the provider closed the account",
    )
    provider = serializers.CharField(allow_null=True)
    charges_enabled = serializers.BooleanField(help_text="Buyers can pay by card")
    payouts_enabled = serializers.BooleanField(help_text="Money can be sent to the bank")
    requirements = AccountRequirementOutput(
        many=True, help_text="What the provider asks for; also of a `ready` account, which may then be closed"
    )
    checked_at = serializers.DateTimeField(allow_null=True, help_text="When the provider was last asked")


class OnboardingLinkOutput(serializers.Serializer[None]):
    url = serializers.CharField(help_text="The provider's page; open it in a browser, share it with nobody")
    expires_at = serializers.DateTimeField(help_text="Ask for another afterwards")


class SavedCardOutput(serializers.Serializer[None]):
    is_saved = serializers.BooleanField()
    provider = serializers.CharField(allow_null=True)
    brand = serializers.CharField(help_text="Such as `visa`; empty without a card")
    last4 = serializers.CharField(help_text="The last four digits; empty without a card")
    expires_on = serializers.DateField(allow_null=True, help_text="The last day on which it is valid")
    saved_at = serializers.DateTimeField(allow_null=True)


class CardFormOutput(serializers.Serializer[None]):
    provider = serializers.CharField()
    client_secret = serializers.CharField(help_text="Opens the provider's form in the app")
    url = serializers.CharField(allow_null=True, help_text="The form as a page, if the provider has one")
    client_settings = serializers.DictField(
        child=serializers.CharField(), help_text="What the form needs beside it, such as a publishable key"
    )


def account_body(account: SellerAccount | None) -> dict[str, Any]:
    names = account.requirements if account else []
    texts = [{"name": name, "text": str(requirement_text(name))} for name in names]
    return {
        "state": _state_of(account),
        "provider": account.provider if account else None,
        "charges_enabled": bool(account and account.charges_enabled),
        "payouts_enabled": bool(account and account.payouts_enabled),
        "requirements": texts,
        "checked_at": account.checked_at if account else None,
    }


def _state_of(account: SellerAccount | None) -> str:
    if account is None:
        return "not_started"
    if account.charges_enabled:
        return "ready"
    if account.disabled_reason.startswith("rejected"):
        return "refused"
    return "incomplete" if account.requirements or not account.external_id else "in_review"


def onboarding_body(url: str, expires_at: datetime) -> dict[str, Any]:
    return {"url": url, "expires_at": expires_at}


def card_body(card: SavedCard | None) -> dict[str, Any]:
    is_saved = bool(card and card.external_id)
    return {
        "is_saved": is_saved,
        "provider": card.provider if card and is_saved else None,
        "brand": card.brand if card else "",
        "last4": card.last4 if card else "",
        "expires_on": card.expires_on if card else None,
        "saved_at": card.saved_at if card else None,
    }


def card_form_body(card: SavedCard, client_secret: str) -> dict[str, Any]:
    client_settings = provider(card.provider).client_settings()
    page = client_settings.get("card_url", "")
    return {
        "provider": card.provider,
        "client_secret": client_secret,
        "url": page.replace("{client_secret}", client_secret) or None,
        "client_settings": client_settings,
    }
