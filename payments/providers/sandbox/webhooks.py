"""The sandbox's webhooks: what they say, and their signatures.

A job delivers them to this server's own service, so that the sandbox needs not know its address; body and
signature are checked as those of a real provider are.
"""

import hashlib
import hmac
import time
from collections.abc import Mapping

from django.conf import settings
from django.utils.crypto import salted_hmac

from payments.providers.base import InvalidWebhook, ProviderEvent
from payments.providers.sandbox.records import new_id
from soukloop.core import jsonlib
from soukloop.core.db.clock import database_now
from soukloop.core.jobs.queue import enqueue

SIGNATURE_HEADER = "Sandbox-Signature"
_SUBJECTS = ("payment", "refund", "chargeback", "payout", "transfer", "account", "card_setup")


def announce(kind: str, subject: str, object_id: str, account: str = "") -> None:
    """Enqueue a webhook in the transaction of what it tells of; `kind` is such as `payment.captured`."""
    event = {
        "id": new_id("evt"),
        "type": kind,
        "subject": subject,
        "object": object_id,
        "account": account,
        "created_at": database_now().isoformat(),
    }
    enqueue("payments.deliver_sandbox_webhook", body=jsonlib.dumps(event).decode())


def signed_headers(body: bytes, *, at: int | None = None) -> dict[str, str]:
    """Return the headers with which a webhook is delivered."""
    at = int(time.time()) if at is None else at
    return {"Content-Type": "application/json", SIGNATURE_HEADER: f"t={at},v1={_signature(at, body)}"}


def read_webhook(body: bytes, headers: Mapping[str, str]) -> ProviderEvent:
    """Check a webhook's signature and return what it is about. Raises InvalidWebhook."""
    header = next((value for name, value in headers.items() if name.lower() == SIGNATURE_HEADER.lower()), "")
    parts = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
    at, signature = parts.get("t", ""), parts.get("v1", "")
    if not (at.isascii() and at.isdigit() and len(at) < 12):
        raise InvalidWebhook("The signature has no time.")
    if not hmac.compare_digest(_signature(int(at), body).encode(), signature.encode()):
        raise InvalidWebhook("The signature is another.")
    if abs(time.time() - int(at)) > settings.WEBHOOK_TOLERANCE.total_seconds():
        raise InvalidWebhook("The signature is too old.")
    try:
        event = jsonlib.loads(body)
        subject = event["subject"] if event["subject"] in _SUBJECTS else ""
        return ProviderEvent(
            event_id=event["id"],
            kind=event["type"],
            subject=subject,
            object_id=event["object"],
            account=event["account"],
            body=event,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidWebhook("The body is not a webhook of the sandbox.") from error


def _signature(at: int, body: bytes) -> str:
    signed = f"{at}.".encode() + body
    key = salted_hmac("payments.sandbox.webhooks", "key", algorithm="sha256").digest()
    return hmac.new(key, signed, hashlib.sha256).hexdigest()
