"""Writing notifications, and a push for each device of their recipients."""

import logging
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from psycopg.types.json import Jsonb
from redis.exceptions import RedisError

from accounts.blocks import blocked_ids_sql
from accounts.models import User
from notifications import events
from notifications.kinds import KINDS, Kind
from notifications.models import Notification, Push, WrittenBatch
from notifications.texts import Text, render, shorten_params
from soukloop.core.db.clock import database_now
from soukloop.core.jobs.queue import enqueue
from soukloop.realtime.presence import connected_among

logger = logging.getLogger(__name__)

BATCH_SIZE = 2000
ALL_TOLD_MAX = 50  # people whose inbox has something new, connected or not
_BATCHES_KEPT_FOR = timedelta(days=7)


class Recipient(NamedTuple):
    """A person to notify: language, time zone, whether the inbox shows this kind, the confirmed email."""

    id: UUID
    language: str
    time_zone: str | None
    has_inbox: bool
    email: str | None


@transaction.atomic(savepoint=False)
def notify(
    *,
    user_ids: Iterable[UUID],
    kind: Kind,
    params: Mapping[str, Any],
    data: Mapping[str, Any],
    actor_id: UUID | None = None,
    earlier_email: str | None = None,
    is_silent: bool = False,
) -> int:
    """Notify each of these people once, and return the number of people.

    Closed accounts are left out, and people who switched both inbox and pushes off for this kind; with an
    `actor_id`, so are the actor, all people who blocked the actor or are blocked by the actor, and those who
    muted the actor. Up to BATCH_SIZE rows are written in the caller's transaction, more by jobs. What is
    emailed at once goes to each person's confirmed email, or to `earlier_email`, which was theirs until now.
    With `is_silent` no event tells the people, because they are looking at the content.
    """
    content = {
        "kind": kind.name,
        "params": shorten_params(params),
        "data": dict(data),
        "actor_id": str(actor_id) if actor_id else None,
    }
    recipients = _recipients(user_ids, kind, actor_id)
    if len(recipients) <= BATCH_SIZE:
        if earlier_email:
            recipients = [recipient._replace(email=earlier_email) for recipient in recipients]
        _write(uuid.uuid4(), recipients, content, is_silent=is_silent)
    else:
        for start in range(0, len(recipients), BATCH_SIZE):
            enqueue(
                "notifications.write_batch",
                batch_id=str(uuid.uuid4()),
                user_ids=[str(recipient.id) for recipient in recipients[start : start + BATCH_SIZE]],
                content=content,
            )
    return len(recipients)


@transaction.atomic
def write_batch(*, batch_id: UUID, user_ids: Sequence[UUID], content: dict[str, Any]) -> None:
    """Write, publish and push one notification per person, unless this batch was written before.

    The batch is recorded, because a second run couldn't tell from notifications that replaced unread ones.
    """
    _, is_new = WrittenBatch.objects.get_or_create(id=batch_id, defaults={"written_at": database_now()})
    if not is_new:
        return
    if "title" in content:  # a job from before there were templates
        text = {"title": content["title"], "body": content["body"]}
        content = {"kind": content["kind"], "params": text, "data": content["data"], "actor_id": None}
    actor_id = UUID(content["actor_id"]) if content["actor_id"] else None
    if actor_id is not None and not User.objects.filter(pk=actor_id, is_active=True).exists():
        return  # closed since then
    _write(batch_id, _recipients(user_ids, KINDS[content["kind"]], actor_id), content)


def _write(
    batch_id: UUID, recipients: Sequence[Recipient], content: dict[str, Any], *, is_silent: bool = False
) -> None:
    kind, now = KINDS[content["kind"]], database_now()
    key = kind.key_for(content["data"]) if kind.replaces_unread else None
    written = _replace_unread(recipients, content, key, now) if key else {}
    written |= _insert(batch_id, [each for each in recipients if each.id not in written], content, key, now)
    if kind.is_pushed:
        _queue_pushes(kind, list(written.values()), now)
    if kind.is_mandatory:
        _enqueue_emails(recipients, written)
    if not is_silent:
        _publish(recipients, written, content, now)


# One statement for all of them, which PostgreSQL executes in a fifth of the time that the ORM needs to build
# its own. Another transaction may just have written an unread one with this key: then that one stays.
_INSERT = """
INSERT INTO notifications_notification
    (id, user_id, actor_id, kind, params, data, collapse_key, version, is_in_inbox, created_at)
SELECT recipient.id, recipient.user_id, %(actor_id)s, %(kind)s, %(params)s, %(data)s, %(collapse_key)s, 1,
    recipient.has_inbox, %(created_at)s
FROM unnest(%(ids)s::uuid[], %(user_ids)s::uuid[], %(inboxes)s::boolean[])
    AS recipient (id, user_id, has_inbox)
ON CONFLICT (user_id, collapse_key) WHERE read_at IS NULL AND collapse_key IS NOT NULL DO NOTHING
RETURNING user_id, id
"""


def _insert(
    batch_id: UUID, recipients: Sequence[Recipient], content: dict[str, Any], key: str | None, now: datetime
) -> dict[UUID, UUID]:
    """Insert a notification for each person, and return their ids by their owners."""
    if not recipients:
        return {}
    with connection.cursor() as cursor:
        params = content | {
            "params": Jsonb(content["params"]),
            "data": Jsonb(content["data"]),
            "ids": [_notification_id(batch_id, recipient.id) for recipient in recipients],
            "user_ids": [recipient.id for recipient in recipients],
            "inboxes": [recipient.has_inbox for recipient in recipients],
            "collapse_key": key,
            "created_at": now,
        }
        cursor.execute(_INSERT, params)
        return dict(cursor.fetchall())


def _publish(
    recipients: Sequence[Recipient],
    written: Mapping[UUID, UUID],
    content: dict[str, Any],
    now: datetime,
) -> None:
    """Publish to those who see this kind in their inbox; of very many only to those who are connected."""
    told = [each for each in recipients if each.has_inbox and each.id in written]
    if len(told) > ALL_TOLD_MAX:
        try:
            connected = connected_among(each.id for each in told)
        except RedisError:
            logger.warning("who is connected can't be told, so all get an event")
        else:
            told = [each for each in told if each.id in connected]
    texts: dict[tuple[str, str | None], Text] = {}
    for person in told:
        seen_as = person.language, person.time_zone
        if seen_as not in texts:
            texts[seen_as] = render(
                content["kind"], content["params"], person.language, time_zone=person.time_zone
            )
        notification = Notification(id=written[person.id], user_id=person.id, created_at=now, **content)
        events.publish_notification_new(notification, texts[seen_as])


# One statement: the ORM takes two, and builds them more slowly than PostgreSQL executes them. Every message
# to somebody who is offline needs it (bench/api).
_REPLACE_UNREAD = """
UPDATE notifications_notification AS notification
SET kind = %(kind)s, params = %(params)s, data = %(data)s, actor_id = %(actor_id)s,
    created_at = %(created_at)s, version = version + 1
FROM (
    SELECT id FROM notifications_notification
    WHERE user_id = ANY(%(user_ids)s) AND collapse_key = %(collapse_key)s AND read_at IS NULL
    ORDER BY user_id FOR UPDATE
) AS unread
WHERE notification.id = unread.id
RETURNING notification.user_id, notification.id
"""


def _replace_unread(
    recipients: Sequence[Recipient], content: dict[str, Any], key: str, now: datetime
) -> dict[UUID, UUID]:
    """Update the unread notifications with this key, and return their ids by their owners."""
    with connection.cursor() as cursor:
        params = content | {
            "params": Jsonb(content["params"]),
            "data": Jsonb(content["data"]),
            "user_ids": [recipient.id for recipient in recipients],
            "collapse_key": key,
            "created_at": now,
        }
        cursor.execute(_REPLACE_UNREAD, params)
        return dict(cursor.fetchall())


# In quiet hours a push waits for their end, unless it would have expired by then. `AT TIME ZONE` knows the
# days on which clocks change. A push that an earlier version of the notification had is due again; while that
# one is on its way, only its version changes. Devices are locked, so that one deleted meanwhile is left out.
_QUEUE_PUSHES = """
INSERT INTO notifications_push AS push
    (device_id, notification_id, version, status, priority, not_before, expires_at, attempts, error)
SELECT device.id, notification.id, notification.version, 'pending', %(priority)s, due.at, %(expires_at)s,
    0, ''
FROM notifications_notification AS notification
JOIN notifications_device AS device ON device.user_id = notification.user_id
LEFT JOIN notifications_notificationsettings AS settings ON settings.user_id = notification.user_id
CROSS JOIN LATERAL (
    SELECT %(not_before)s AT TIME ZONE coalesce(settings.time_zone, 'UTC') AS time,
        settings.quiet_from AS starts, settings.quiet_until AS ends
) AS local
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN %(is_mandatory)s OR local.starts IS NULL THEN FALSE
        WHEN local.starts < local.ends THEN local.time::time >= local.starts AND local.time::time < local.ends
        ELSE local.time::time >= local.starts OR local.time::time < local.ends
    END AS is_quiet
) AS quiet
CROSS JOIN LATERAL (
    SELECT CASE WHEN quiet.is_quiet THEN
        (date_trunc('day', local.time) + local.ends
            + CASE WHEN local.time::time >= local.ends THEN interval '1 day' ELSE interval '0' END
        ) AT TIME ZONE settings.time_zone
    ELSE %(not_before)s END AS at
) AS due
WHERE notification.id = ANY(%(ids)s) AND due.at < %(expires_at)s
    AND NOT %(switch)s = ANY(coalesce(settings.off, '{}'))
ORDER BY device.id
FOR KEY SHARE OF device
ON CONFLICT (notification_id, device_id) DO UPDATE SET
    version = excluded.version,
    status = CASE WHEN push.status = 'sending' THEN 'sending' ELSE 'pending' END,
    not_before = excluded.not_before, expires_at = excluded.expires_at, attempts = 0, finished_at = NULL,
    error = ''
"""


def _queue_pushes(kind: Kind, ids: Sequence[UUID], now: datetime) -> None:
    """Insert a pending push for each device of the owners, in one statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            _QUEUE_PUSHES,
            {
                "ids": list(ids),
                "priority": Push.Priority.HIGH if kind.is_urgent else Push.Priority.NORMAL,
                "not_before": now + kind.push_delay,
                "expires_at": now + kind.expires_after,
                "is_mandatory": kind.is_mandatory,
                "switch": f"push:{kind.name}",
            },
        )


def _enqueue_emails(recipients: Sequence[Recipient], written: Mapping[UUID, UUID]) -> None:
    """Enqueue an email to each person who has a confirmed address.

    The address is the present one: whoever took an account over could change it before the job runs.
    """
    for recipient in recipients:
        if recipient.email and (notification_id := written.get(recipient.id)):
            Notification.objects.filter(pk=notification_id).update(email_to=recipient.email)
            enqueue("notifications.send_notice_email", notification_id=str(notification_id))


def delete_old_batches() -> None:
    """Delete the records of batches whose jobs will not run again."""
    WrittenBatch.objects.filter(written_at__lt=database_now() - _BATCHES_KEPT_FOR).delete()


def _notification_id(batch_id: UUID, user_id: UUID) -> UUID:
    return uuid.uuid5(batch_id, str(user_id))


def _recipients(user_ids: Iterable[UUID], kind: Kind, actor_id: UUID | None) -> list[Recipient]:
    # In a fixed order, so that two batches for the same people cannot deadlock.
    sql = f"""
        SELECT person.id, person.language, settings.time_zone,
            NOT %(inbox)s = ANY(coalesce(settings.off, '{{}}')),
            CASE WHEN person.email_confirmed_at IS NOT NULL THEN person.email END
        FROM accounts_user AS person
        LEFT JOIN notifications_notificationsettings AS settings ON settings.user_id = person.id
        WHERE person.id = ANY(%(user_ids)s) AND person.is_active
            AND NOT coalesce(settings.off, '{{}}') @> ARRAY[%(inbox)s, %(push)s]::varchar[]
            AND (%(actor)s::uuid IS NULL OR person.id <> %(actor)s
                AND person.id NOT IN ({blocked_ids_sql("%(actor)s")})
                AND person.id NOT IN (SELECT muter_id FROM accounts_mute WHERE muted_id = %(actor)s))
        ORDER BY person.id
    """  # noqa: S608 - no value of a client
    with connection.cursor() as cursor:
        cursor.execute(
            sql,
            {
                "user_ids": list(set(user_ids)),
                "actor": actor_id,
                "inbox": f"inbox:{kind.name}",
                "push": f"push:{kind.name}",
            },
        )
        return [Recipient(*row) for row in cursor.fetchall()]
