"""Changes to notifications that were written: reading them, removing what must not be shown any more."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from accounts.models import User
from notifications import events
from notifications.access import own_notification
from notifications.models import Notification, NotificationQuerySet
from notifications.selectors import unread_count
from notifications.texts import shorten_params
from soukloop.core.db.clock import database_now
from soukloop.core.jobs.queue import enqueue

_TOLD_MAX = 100  # ids in one event
_NAMES_BATCH = 5000  # rows that one statement changes


@transaction.atomic
def mark_read(*, actor: User, ids: Sequence[UUID] | None) -> int:
    """Mark the actor's notifications with these ids (None: all) as read; return the number that changed."""
    unread = Notification.objects.of(actor.pk).unread()
    return len(_mark_read(actor.pk, unread if ids is None else unread.filter(pk__in=ids), is_all=ids is None))


@transaction.atomic
def mark_one_read(*, actor: User, notification_id: UUID) -> Notification:
    """Mark a notification of the actor's as read, or leave it so. Raises NotFound."""
    own_notification(actor, notification_id)
    _mark_read(actor.pk, Notification.objects.of(actor.pk).unread().filter(pk=notification_id))
    return own_notification(actor, notification_id)


@transaction.atomic
def mark_read_by_key(*, user_id: UUID, collapse_key: str) -> None:
    """Mark a user's notifications with this key as read, because they have seen the content elsewhere."""
    _mark_read(user_id, Notification.objects.of(user_id).unread().filter(collapse_key=collapse_key))


@transaction.atomic
def mark_read_of_actor(user_id: UUID, actor_id: UUID) -> None:
    """Mark what a person caused as read in a user's inbox, who has muted or blocked that person."""
    _mark_read(user_id, Notification.objects.of(user_id).unread().filter(actor=actor_id))


@transaction.atomic
def mark_read_between(a_id: UUID, b_id: UUID) -> None:
    """Mark what two people between whom there is a block caused as read in each other's inboxes."""
    for user_id, actor_id in sorted([(a_id, b_id), (b_id, a_id)]):  # in one order, against deadlocks
        mark_read_of_actor(user_id, actor_id)


def _mark_read(user_id: UUID, unread: NotificationQuerySet, *, is_all: bool = False) -> list[UUID]:
    """Mark these as read and tell the owner's connections; return the ids of those that changed."""
    # Locked in a fixed order, so that requests of two devices cannot deadlock.
    locked = list(unread.order_by("pk").select_for_update().values_list("pk", flat=True))
    if locked:
        Notification.objects.filter(pk__in=locked).update(read_at=database_now())
        is_all = is_all or len(locked) > _TOLD_MAX
        events.publish_notification_read(user_id, None if is_all else locked, unread_count(user_id))
    return locked


@transaction.atomic
def delete_notification(*, actor: User, notification_id: UUID) -> None:
    """Delete a notification of the actor's, with its pushes. Raises NotFound."""
    own_notification(actor, notification_id, lock=True).delete()
    events.publish_notification_read(actor.pk, [notification_id], unread_count(actor.pk), is_deleted=True)


def replace_text(
    *,
    user_ids: Iterable[UUID],
    collapse_key: str,
    about: dict[str, Any],
    text: Any = "",
    data: Mapping[str, Any] | None = None,
    param: str = "text",
) -> None:
    """Replace this value of notifications whose `data` has the values of `about`; for content that changed.

    The unread notification with this key also gets the new values of `data`.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _REPLACE_TEXT,
            {
                "user_ids": list(set(user_ids)),
                "key": collapse_key,
                "about": json.dumps(about),
                "param": param,
                "text": json.dumps(shorten_params({param: text})[param]),
                "body": json.dumps(text if isinstance(text, str) else ""),
                "data": json.dumps(dict(data or {})),
            },
        )


# Those that were written before there were templates have the text as `body`.
_REPLACE_TEXT = """
UPDATE notifications_notification
SET params = CASE WHEN NOT data @> %(about)s::jsonb THEN params
        WHEN params ? 'body' THEN jsonb_set(params, '{body}', %(body)s::jsonb)
        ELSE jsonb_set(params, ARRAY[%(param)s], %(text)s::jsonb) END,
    data = CASE WHEN read_at IS NULL THEN data || %(data)s::jsonb ELSE data END
WHERE user_id = ANY(%(user_ids)s) AND collapse_key = %(key)s
    AND (data @> %(about)s::jsonb OR read_at IS NULL AND %(data)s <> '{}')
"""


def enqueue_removing_name(user: User) -> None:
    """Enqueue a job that removes the name of a deleted account from other people's notifications."""
    enqueue("notifications.remove_name", user_id=str(user.pk))


def remove_name(*, user_id: UUID) -> int:
    """Write a deleted account's new name in the notifications that it caused; return how many.

    Does nothing for a banned account, nor when it is done again. In batches that commit by themselves.
    """
    user = User.objects.filter(pk=user_id, deleted_at__isnull=False).first()
    if user is None:
        return 0
    changed: int = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_REMOVE_NAME, {"user_id": user_id, "name": user.full_name, "batch": _NAMES_BATCH})
            changed += cursor.rowcount
            if cursor.rowcount < _NAMES_BATCH:
                return changed


# Those that were written before there were templates begin with the name, or are the name.
_REMOVE_NAME = """
UPDATE notifications_notification SET actor_id = NULL, params = CASE
    WHEN params ? 'actor' THEN jsonb_set(params, '{actor}', to_jsonb(%(name)s::text))
    WHEN params ? 'title' AND kind = 'message_new' THEN jsonb_set(params, '{title}', to_jsonb(%(name)s::text))
    WHEN params ? 'title' THEN jsonb_set(
        params, '{title}', to_jsonb(regexp_replace(params->>'title', '^@[[:alnum:]._]+', %(name)s::text)))
    ELSE params END
WHERE id IN (
    SELECT id FROM notifications_notification WHERE actor_id = %(user_id)s ORDER BY id LIMIT %(batch)s
)
"""
