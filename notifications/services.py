"""Services: every write to notifications."""

import json
import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from psycopg.types.json import Jsonb

from accounts.blocks import blocked_ids_sql
from accounts.models import User
from notifications import events
from notifications.models import BODY_MAX, TITLE_MAX, Notification
from soukloop.core.db.clock import database_now
from soukloop.core.jobs.queue import enqueue

BATCH_SIZE = 1000


@transaction.atomic(savepoint=False)
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
        _write(uuid.uuid4(), ids, content)
    else:
        for start in range(0, len(ids), BATCH_SIZE):
            enqueue(
                "notifications.write_batch",
                batch_id=str(uuid.uuid4()),
                user_ids=[str(user_id) for user_id in ids[start : start + BATCH_SIZE]],
                content=content,
            )
    return len(ids)


@transaction.atomic(savepoint=False)
def write_batch(*, batch_id: UUID, user_ids: Sequence[UUID], content: dict[str, Any]) -> None:
    """Write and publish one notification per person, unless this batch was written before.

    The ids are derived from the batch and the person, so that a job that runs twice writes them once.
    """
    ids = [_notification_id(batch_id, user_id) for user_id in user_ids]
    if not Notification.objects.filter(pk__in=ids).exists():
        _write(batch_id, user_ids, content)


def _write(batch_id: UUID, user_ids: Sequence[UUID], content: dict[str, Any]) -> None:
    now, collapse_key = database_now(), content["collapse_key"]
    replaced = _replace_unread(user_ids, content, now) if collapse_key else set()
    new = [
        Notification(id=_notification_id(batch_id, user_id), user_id=user_id, created_at=now, **content)
        for user_id in user_ids
        if user_id not in replaced
    ]
    if new:
        # Conflicts are ignored because another transaction may just have written an unread one with this key.
        Notification.objects.bulk_create(new, batch_size=BATCH_SIZE, ignore_conflicts=bool(collapse_key))
    for notification in new:
        events.publish_notification_new(notification)


# One statement: the ORM takes two, and builds them more slowly than PostgreSQL executes them. Every message
# to somebody who is offline needs it (bench/api).
_REPLACE_UNREAD = """
UPDATE notifications_notification AS notification
SET kind = %(kind)s, title = %(title)s, body = %(body)s, data = %(data)s, created_at = %(created_at)s
FROM (
    SELECT id FROM notifications_notification
    WHERE user_id = ANY(%(user_ids)s) AND collapse_key = %(collapse_key)s AND read_at IS NULL
    ORDER BY user_id FOR UPDATE
) AS unread
WHERE notification.id = unread.id
RETURNING notification.id, notification.user_id
"""


def _replace_unread(user_ids: Sequence[UUID], content: dict[str, Any], now: datetime) -> set[UUID]:
    """Update and publish the unread notifications with this key, and return their owners."""
    with connection.cursor() as cursor:
        params = content | {"data": Jsonb(content["data"]), "user_ids": list(user_ids), "created_at": now}
        cursor.execute(_REPLACE_UNREAD, params)
        replaced = cursor.fetchall()
    for pk, user_id in replaced:
        events.publish_notification_new(Notification(id=pk, user_id=user_id, created_at=now, **content))
    return {user_id for _, user_id in replaced}


def _notification_id(batch_id: UUID, user_id: UUID) -> UUID:
    return uuid.uuid5(batch_id, str(user_id))


@transaction.atomic
def mark_read(*, actor: User, ids: Sequence[UUID] | None) -> int:
    """Mark the actor's notifications with these ids (None: all) as read; return the number that changed."""
    unread = Notification.objects.of(actor.pk).unread()
    if ids is not None:
        unread = unread.filter(pk__in=ids)
    # Locked in a fixed order, so that requests of two devices cannot deadlock.
    locked = list(unread.order_by("pk").select_for_update().values_list("pk", flat=True))
    return Notification.objects.filter(pk__in=locked).update(read_at=database_now())


def mark_read_by_key(*, user_id: UUID, collapse_key: str) -> None:
    """Mark a user's notifications with this key as read, because they have seen the content elsewhere."""
    Notification.objects.of(user_id).unread().filter(collapse_key=collapse_key).update(read_at=database_now())


def clear_bodies(*, user_ids: Iterable[UUID], collapse_key: str, about: dict[str, Any]) -> None:
    """Empty the bodies of notifications whose `data` has these values; for content that staff have hidden."""
    notifications = Notification.objects.filter(user_id__in=set(user_ids), collapse_key=collapse_key)
    notifications.filter(data__contains=about).update(body="")


def remove_name(
    *, name: str, user_ids: Iterable[UUID], about: dict[str, str], kinds_titled_by_name: Sequence[str] = ()
) -> int:
    """Write `name` for a deleted person in the titles of others' notifications; return how many.

    Of those whose `data` has these values: where the title begins with a username, and whole titles of
    `kinds_titled_by_name`. Doing it again changes nothing.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _REMOVE_NAME,
            {
                "name": name,
                "user_ids": list(set(user_ids)),
                "about": json.dumps(about),
                "kinds": list(kinds_titled_by_name),
            },
        )
        return int(cursor.rowcount)


_REMOVE_NAME = """
UPDATE notifications_notification SET title = CASE
    WHEN kind = ANY(%(kinds)s) THEN %(name)s
    ELSE regexp_replace(title, '^@[[:alnum:]._]+', %(name)s) END
WHERE user_id = ANY(%(user_ids)s) AND data @> %(about)s::jsonb AND (kind = ANY(%(kinds)s) OR title LIKE '@%%')
"""


def _recipients(user_ids: Iterable[UUID], actor_id: UUID | None) -> list[UUID]:
    # In a fixed order, so that two batches for the same people cannot deadlock.
    sql = f"""
        SELECT id FROM accounts_user
        WHERE id = ANY(%(user_ids)s) AND is_active
            AND (%(actor)s::uuid IS NULL OR id <> %(actor)s AND id NOT IN ({blocked_ids_sql("%(actor)s")}))
        ORDER BY id
    """  # noqa: S608 - no value of a client
    with connection.cursor() as cursor:
        cursor.execute(sql, {"user_ids": list(set(user_ids)), "actor": actor_id})
        return [user_id for (user_id,) in cursor.fetchall()]


def _truncate(text: str, max_length: int) -> str:
    return text if len(text) <= max_length else text[: max_length - 1] + "…"
