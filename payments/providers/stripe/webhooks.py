"""Webhooks of Stripe: which ones we want, and whether one is Stripe's."""

import logging
import time
from collections.abc import Mapping
from typing import Any

import stripe
from django.conf import settings

from payments.providers.base import InvalidWebhook, ProviderEvent
from soukloop.core import jsonlib

logger = logging.getLogger(__name__)

# Event type → what its object is to us.
SUBJECTS: Mapping[str, str] = {
    "payment_intent.amount_capturable_updated": "payment",
    "payment_intent.canceled": "payment",
    "payment_intent.payment_failed": "payment",
    "payment_intent.processing": "payment",
    "payment_intent.requires_action": "payment",
    "payment_intent.succeeded": "payment",
    "refund.created": "refund",
    "refund.failed": "refund",
    "refund.updated": "refund",
    "charge.dispute.closed": "chargeback",
    "charge.dispute.created": "chargeback",
    "charge.dispute.funds_reinstated": "chargeback",
    "charge.dispute.funds_withdrawn": "chargeback",
    "charge.dispute.updated": "chargeback",
    "payout.canceled": "payout",
    "payout.created": "payout",
    "payout.failed": "payout",
    "payout.paid": "payout",
    "payout.updated": "payout",
    "transfer.created": "transfer",
    "transfer.reversed": "transfer",
    "transfer.updated": "transfer",
    "account.updated": "account",
    "capability.updated": "account",
    "setup_intent.canceled": "card_setup",
    "setup_intent.setup_failed": "card_setup",
    "setup_intent.succeeded": "card_setup",
}
EVENT_TYPES = sorted(SUBJECTS)


def read_webhook(body: bytes, headers: Mapping[str, str]) -> ProviderEvent:
    """Check the signature with each of our secrets; there are several while one is replaced."""
    signature = next((value for name, value in headers.items() if name.lower() == "stripe-signature"), "")
    if not settings.STRIPE_WEBHOOK_SECRETS:
        logger.error("A webhook of Stripe was refused: STRIPE_WEBHOOK_SECRETS is not set")
    if not any(_is_signed(body, signature, secret) for secret in settings.STRIPE_WEBHOOK_SECRETS):
        raise InvalidWebhook("no secret of ours fits the signature")
    try:
        event = jsonlib.loads(body)
        kind, subject = event["type"], event["data"]["object"]
        its_subject = SUBJECTS.get(kind, "")
        object_id = subject.get("account") if kind == "capability.updated" else subject.get("id")
        event_id, account = event["id"], event.get("account")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidWebhook("not an event") from error
    return ProviderEvent(
        event_id=event_id,
        kind=kind,
        subject=its_subject,
        object_id="" if object_id is None else object_id,  # a balance, for one, has no id
        account="" if account is None else account,
        body=_without_client_secrets(event),
    )


def _is_signed(body: bytes, signature: str, secret: str) -> bool:
    tolerance = int(settings.WEBHOOK_TOLERANCE.total_seconds())
    try:
        is_signed = bool(stripe.WebhookSignature.verify_header(body, signature, secret, tolerance))
    except (stripe.SignatureVerificationError, UnicodeDecodeError, TypeError):
        return False  # TypeError: `compare_digest` refuses signatures that are not ASCII
    # Stripe's library only refuses what is too old.
    times = (part.removeprefix("t=") for part in signature.split(",") if part.startswith("t="))
    return is_signed and all(
        at.isascii() and at.isdigit() and int(at) <= time.time() + tolerance for at in times
    )


def _without_client_secrets(value: Any) -> Any:
    """Return an event without what opens a payer's form: it is stored for months."""
    if isinstance(value, dict):
        return {
            name: _without_client_secrets(part) for name, part in value.items() if name != "client_secret"
        }
    if isinstance(value, list):
        return [_without_client_secrets(part) for part in value]
    return value
