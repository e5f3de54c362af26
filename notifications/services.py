"""Services: every write to notifications."""

import uuid
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.blocks import blocked_ids
from accounts.models import User
from notifications import events
from notifications.models import BODY_MAX, TITLE_MAX, Notification
from soukloop.core.jobs.queue import enqueue

BATCH_SIZE = 1000


@transaction.atomic
def notify(
    *,
    user_ids: Iterable[UUID],
    kind: str,
    title: str,
    body: str = "",
    data: dict[str, Any] | None = None,
    actor_id: UUID | None = None,
    collapse_key: str | None = None,
) -> int:
    """Notify each of these people once, and return the number of people.

    Closed accounts are left out; with an `actor_id`, so are the actor and all people who blocked the actor or
    are blocked by the actor. With a `collapse_key`, a newer notification replaces an unread one. Up to
    BATCH_SIZE rows are written in the caller's transaction, more by jobs. `data` is plain JSON.
    """
    ids = _recipients(user_ids, actor_id)
    content = {
        "kind": kind,
        "title": _truncate(title, TITLE_MAX),
        "body": _truncate(body, BODY_MAX),
        "data": data or {},
        "collapse_key": collapse_key,
    }
    if len(ids) <= BATCH_SIZE:
        write_batch(batch_id=uuid.uuid4(), user_ids=ids, content=content)
    else:
        for start in range(0, len(ids), BATCH_SIZE):
            enqueue(
                "notifications.write_batch",
                batch_id=str(uuid.uuid4()),
                user_ids=[str(user_id) for user_id in ids[start : start + BATCH_SIZE]],
                content=content,
            )
    return len(ids)


@transaction.atomic
def write_batch(*, batch_id: UUID, user_ids: Sequence[UUID], content: dict[str, Any]) -> None:
    """Write and publish one notification per person, unless this batch was written before.

    The ids are derived from the batch and the person, so that a job that runs twice writes them once.
    """
    rows = [
        Notification(
            id=uuid.uuid5(batch_id, str(user_id)), user_id=user_id, created_at=timezone.now(), **content
        )
        for user_id in user_ids
    ]
    if Notification.objects.filter(pk__in=[row.pk for row in rows]).exists():
        return
    replaced = _replace_unread(rows, content["collapse_key"]) if content["collapse_key"] else set()
    new = [row for row in rows if row.user_id not in replaced]
    # Conflicts are ignored because another transaction may just have written an unread one with this key.
    Notification.objects.bulk_create(
        new, batch_size=BATCH_SIZE, ignore_conflicts=bool(content["collapse_key"])
    )
    for row in new:
        events.publish_notification_new(row)


def _replace_unread(rows: list[Notification], collapse_key: str) -> set[UUID]:
    """Update the unread notifications with this key and return their owners."""
    by_user = {row.user_id: row for row in rows}
    unread = list(
        Notification.objects.unread()
        .filter(user_id__in=by_user, collapse_key=collapse_key)
        .order_by("user_id")
        .select_for_update()
    )
    for old in unread:
        new = by_user[old.user_id]
        old.title, old.body, old.data, old.created_at = new.title, new.body, new.data, new.created_at
        events.publish_notification_new(old)
    Notification.objects.bulk_update(unread, ["title", "body", "data", "created_at"])
    return {old.user_id for old in unread}


@transaction.atomic
def mark_read(*, actor: User, ids: Sequence[UUID] | None) -> int:
    """Mark the actor's notifications with these ids (None: all) as read; return the number that changed."""
    unread = Notification.objects.of(actor.pk).unread()
    if ids is not None:
        unread = unread.filter(pk__in=ids)
    # Locked in a fixed order, so that requests of two devices cannot deadlock.
    locked = list(unread.order_by("pk").select_for_update().values_list("pk", flat=True))
    return Notification.objects.filter(pk__in=locked).update(read_at=timezone.now())


def mark_read_by_key(*, user_id: UUID, collapse_key: str) -> None:
    """Mark a user's notifications with this key as read, because they have seen the content elsewhere."""
    Notification.objects.of(user_id).unread().filter(collapse_key=collapse_key).update(read_at=timezone.now())


def clear_bodies(*, user_ids: Iterable[UUID], collapse_key: str, about: dict[str, Any]) -> None:
    """Empty the bodies of notifications whose `data` has these values; for content that staff have hidden."""
    notifications = Notification.objects.filter(user_id__in=set(user_ids), collapse_key=collapse_key)
    notifications.filter(data__contains=about).update(body="")


def _recipients(user_ids: Iterable[UUID], actor_id: UUID | None) -> list[UUID]:
    wanted = User.objects.filter(pk__in=set(user_ids), is_active=True)
    if actor_id is not None:
        wanted = wanted.exclude(pk__in=blocked_ids(actor_id) | {actor_id})
    # In a fixed order, so that two batches for the same people cannot deadlock.
    return list(wanted.order_by("pk").values_list("pk", flat=True))


def _truncate(text: str, max_length: int) -> str:
    return text if len(text) <= max_length else text[: max_length - 1] + "…"
