"""Receiving what providers tell, once each, and working it off in jobs."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from payments.error_codes import PaymentsErrorCode
from payments.models import WebhookEvent
from payments.providers import provider
from payments.providers.base import InvalidWebhook, ProviderEvent, ProviderRefused
from payments.services.questions import ask
from soukloop.core import jsonlib
from soukloop.core.db.clock import database_now
from soukloop.core.errors import BadRequest, PayloadTooLarge
from soukloop.core.jobs.queue import enqueue, enqueue_once

Result = WebhookEvent.Result
_BATCH = 200  # in a run
# What opens a payer's form, and what we need not keep about payers.
_LEFT_OUT = frozenset({"client_secret", "billing_details", "receipt_email", "fingerprint", "shipping"})
_INSERT = """
INSERT INTO payments_webhookevent
    (provider, event_id, kind, subject, account, object_id, body, result, error, received_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, 'waiting', '', %s)
ON CONFLICT (provider, event_id) DO NOTHING RETURNING id"""


def receive_webhook(*, provider_name: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Store a provider's message, and enqueue its handling; one that came before is already stored.

    Raises NotFound for an unknown provider, PayloadTooLarge, and BadRequest (`webhook_invalid`).
    """
    its_provider = provider(provider_name)
    if len(body) > settings.WEBHOOK_MAX_BYTES:
        raise PayloadTooLarge
    try:
        event = its_provider.read_webhook(body, headers)
        values = _values(event)
    except (InvalidWebhook, RecursionError) as error:
        raise BadRequest(
            _("This is not a message of the provider."), code=PaymentsErrorCode.WEBHOOK_INVALID
        ) from error
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_INSERT, [provider_name, *values, database_now()])
        if row := cursor.fetchone():
            enqueue("payments.handle_webhook", event_id=row[0])


def handle_webhook(event_id: int) -> None:
    """Ask the provider about what a stored message names, and note the result; called by a job.

    Raises Unavailable.
    """
    event = WebhookEvent.objects.filter(pk=event_id, result=Result.WAITING).first()
    if event is None:
        return
    error = ""
    try:
        is_about_ours = ask(event.subject, event.provider, event.object_id, event.account)
        result = Result.DONE if is_about_ours else Result.IGNORED
    except ProviderRefused as refusal:
        result, error = Result.FAILED, refusal.code[:300]
    WebhookEvent.objects.filter(pk=event_id, result=Result.WAITING).update(
        result=result, error=error, handled_at=database_now()
    )


def enqueue_forgotten_webhooks() -> int:
    """Enqueue the handling of messages that wait although their job is gone; return how many."""
    forgotten = WebhookEvent.objects.filter(
        result=Result.WAITING, received_at__lt=database_now() - settings.WEBHOOK_FORGOTTEN_AFTER
    )
    ids = forgotten.order_by("id").values_list("pk", flat=True)[:_BATCH]
    return sum(enqueue_once("payments.handle_webhook", event_id=event_id) for event_id in ids)


def delete_old_webhooks() -> int:
    """Delete the messages that were handled WEBHOOK_EVENTS_KEPT_FOR ago; return how many."""
    oldest = database_now() - settings.WEBHOOK_EVENTS_KEPT_FOR
    deleted, _by_model = (
        WebhookEvent.objects.filter(received_at__lt=oldest).exclude(result=Result.WAITING).delete()
    )
    return deleted


def _values(event: ProviderEvent) -> tuple[str, ...]:
    """Return the columns of a message; raises InvalidWebhook for what they can't hold."""
    texts = (event.event_id, event.kind, event.subject, event.account, event.object_id)
    longest = (100, 80, 20, 100, 100)
    if not event.event_id or not all(
        isinstance(text, str) and len(text) <= length and "\x00" not in text
        for text, length in zip(texts, longest, strict=True)
    ):
        raise InvalidWebhook("an id is missing, too long, or no text")
    try:
        return (*texts, jsonlib.dumps(_kept(event.body)).decode())
    except TypeError as error:
        raise InvalidWebhook("the body is nested too deeply") from error


def _kept(value: Any) -> Any:
    """Return a part of a message without secrets and payers' data, as PostgreSQL can store it."""
    if isinstance(value, Mapping):
        return {
            str(name).replace("\x00", ""): _kept(item)
            for name, item in value.items()
            if name not in _LEFT_OUT
        }
    if isinstance(value, list):
        return [_kept(item) for item in value]
    return value.replace("\x00", "") if isinstance(value, str) else value
