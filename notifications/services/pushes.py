"""The life of a push: claimed by one sender, and finished by what became of it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from accounts.blocks import blocked_between_sql
from notifications.models import Device, Push
from soukloop.core import jsonlib

# PostgreSQL believes that few pushes are pending, as its statistics are of another time, and would sort all
# of a fan-out for each claim instead of reading the first ones of the index.
_READ_BY_INDEX = """
SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = off;
SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off
"""
# Devices that have a push on its way get no other: what its answer says of the device comes first. Locked are
# the pushes and their devices, so that of two senders the second takes other ones. A device that others
# reference stays free for that.
_LOCK_DUE = """
SELECT push.id
FROM notifications_push AS push JOIN notifications_device AS device ON device.id = push.device_id
WHERE push.status = 'pending' AND push.not_before <= clock_timestamp()
    AND NOT {server} = ANY(%(excluded)s)
    AND NOT EXISTS (
        SELECT FROM notifications_push AS other
        WHERE other.device_id = push.device_id AND other.status = 'sending'
    )
ORDER BY push.priority, push.not_before LIMIT %(limit)s
FOR NO KEY UPDATE OF push, device SKIP LOCKED
"""
# A statement of its own: it sees what other senders committed before the devices were locked.
_CLAIM = """
UPDATE notifications_push SET status = 'sending', claimed_at = clock_timestamp(), claimed_version = version,
    attempts = attempts + 1
WHERE id IN (
    SELECT DISTINCT ON (push.device_id) push.id FROM notifications_push AS push
    WHERE push.id = ANY(%(ids)s) AND NOT EXISTS (
        SELECT FROM notifications_push AS other
        WHERE other.device_id = push.device_id AND other.status = 'sending'
    )
    ORDER BY push.device_id, push.priority, push.not_before, push.id
)
RETURNING id
"""
_READ_CLAIMED = """
SELECT push.id, push.version, {server}, device.id, device.platform, device.token, device.p256dh, device.auth,
    notification.id, notification.user_id, notification.kind, notification.params, notification.data,
    person.language, settings.time_zone, push.priority, push.expires_at, push.attempts,
    (SELECT count(*) FROM (
        SELECT FROM notifications_notification AS unread
        WHERE unread.user_id = notification.user_id AND unread.read_at IS NULL AND unread.is_in_inbox
        LIMIT 999
    ) AS counted),
    CASE
        WHEN push.expires_at <= clock_timestamp() THEN 'expired'
        WHEN notification.read_at IS NOT NULL OR device.user_id <> notification.user_id
            OR NOT person.is_active OR ('push:' || notification.kind) = ANY(coalesce(settings.off, '{{}}'))
            OR (actor.id IS NOT NULL AND (NOT actor.is_active
                OR {blocked}
                OR EXISTS (SELECT FROM accounts_mute WHERE muter_id = person.id AND muted_id = actor.id)))
            THEN 'suppressed'
        ELSE ''
    END
FROM notifications_push AS push
JOIN notifications_device AS device ON device.id = push.device_id
JOIN notifications_notification AS notification ON notification.id = push.notification_id
JOIN accounts_user AS person ON person.id = notification.user_id
LEFT JOIN accounts_user AS actor ON actor.id = notification.actor_id
LEFT JOIN notifications_notificationsettings AS settings ON settings.user_id = person.id
WHERE push.id = ANY(%(ids)s)
ORDER BY push.priority, push.not_before
"""
# All of FCM is one server; of Web Push each address names its own.
_SERVER = "CASE device.platform WHEN 'webpush' THEN split_part(device.token, '/', 3) ELSE device.platform END"
# One that others have locked is left to the next call: waiting for it could end in a deadlock. A push that a
# newer version of its notification needs again is due again.
_FINISH = """
WITH locked AS MATERIALIZED (
    SELECT id FROM notifications_push WHERE id = ANY(%(ids)s) FOR NO KEY UPDATE SKIP LOCKED
), finished AS (
    UPDATE notifications_push AS push SET
        status = CASE WHEN push.version = result.version THEN result.status ELSE 'pending' END,
        finished_at = CASE
            WHEN push.version = result.version AND result.status <> 'pending' THEN clock_timestamp() END,
        not_before = CASE WHEN result.status = 'pending'
            THEN greatest(push.not_before, clock_timestamp() + result.delay * interval '1 second')
            ELSE push.not_before END,
        error = result.error, claimed_at = NULL
    FROM unnest(%(ids)s::bigint[], %(versions)s::int[], %(statuses)s::text[], %(errors)s::text[],
        %(delays)s::float[]) AS result (id, version, status, error, delay), locked
    WHERE push.id = result.id AND push.id = locked.id
        AND push.status = 'sending' AND push.claimed_version = result.version
)
SELECT id FROM notifications_push WHERE id = ANY(%(ids)s) AND id NOT IN (SELECT id FROM locked)
"""
_LOSE_ABANDONED = """
WITH abandoned AS MATERIALIZED (
    SELECT id FROM notifications_push
    WHERE status = 'sending' AND claimed_at < clock_timestamp() - make_interval(secs => %(ttl)s)
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE notifications_push AS push SET
    status = CASE WHEN push.version = push.claimed_version THEN 'lost' ELSE 'pending' END,
    finished_at = CASE WHEN push.version = push.claimed_version THEN clock_timestamp() END,
    error = 'its sender was killed', claimed_at = NULL
FROM abandoned WHERE push.id = abandoned.id
RETURNING push.status, (SELECT platform FROM notifications_device WHERE id = push.device_id)
"""


class ClaimedPush(NamedTuple):
    """A push that this process alone may send now, with all that is sent."""

    id: int
    version: int
    server: str
    device_id: UUID
    platform: str
    token: str
    p256dh: str
    auth: str
    notification_id: UUID
    user_id: UUID
    kind: str
    params: str  # JSON
    data: dict[str, Any]
    language: str
    time_zone: str | None
    priority: int
    expires_at: datetime
    attempts: int  # this one included
    badge: int
    not_sent_because: str  # a status; empty: it is to be sent


class FinishedPush(NamedTuple):
    """What became of a claimed push; `pending` with a delay in seconds: it must be tried again."""

    id: int
    version: int
    status: str
    error: str = ""
    delay: float = 0.0


def claim_pushes(*, limit: int, excluded: Sequence[str]) -> list[ClaimedPush]:
    """Claim the pushes that are due, urgent ones first, except those to servers which are excluded.

    From then on no other process sends them: whoever claimed one must finish it within PUSH_CLAIM_TTL. Those
    that nobody must get any more have `not_sent_because`.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_READ_BY_INDEX)
        cursor.execute(_LOCK_DUE.format(server=_SERVER), {"limit": limit, "excluded": list(excluded)})
        ids = [push_id for (push_id,) in cursor.fetchall()]
        if not ids:
            return []
        cursor.execute(_CLAIM, {"ids": ids})
        claimed = [push_id for (push_id,) in cursor.fetchall()]
        cursor.execute(
            _READ_CLAIMED.format(server=_SERVER, blocked=blocked_between_sql("person.id", "actor.id")),
            {"ids": claimed},
        )
        return [_claimed(row) for row in cursor.fetchall()]


def _claimed(row: tuple[Any, ...]) -> ClaimedPush:
    data = ClaimedPush._fields.index("data")
    return ClaimedPush._make((*row[:data], jsonlib.loads(row[data]), *row[data + 1 :]))


def finish_pushes(finished: Sequence[FinishedPush]) -> set[int]:
    """Write what became of claimed pushes; returns the ids of those that must be written by another call."""
    with connection.cursor() as cursor:
        cursor.execute(
            _FINISH,
            {
                "ids": [each.id for each in finished],
                "versions": [each.version for each in finished],
                "statuses": [each.status for each in finished],
                "errors": [each.error[:200] for each in finished],
                "delays": [each.delay for each in finished],
            },
        )
        return {push_id for (push_id,) in cursor.fetchall()}


def lose_abandoned_pushes() -> list[tuple[str, str]]:
    """Give up pushes whose senders were killed; return the new status and the platform of each.

    They may have gone out, and at most one goes to a device. Those that were renewed since are due again.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOSE_ABANDONED, {"ttl": settings.PUSH_CLAIM_TTL.total_seconds()})
        return [(str(status), str(platform)) for status, platform in cursor.fetchall()]


@transaction.atomic
def forget_devices(tokens: Iterable[tuple[UUID, str]]) -> None:
    """Delete devices that push services know no more, unless their tokens have changed."""
    wanted = dict(tokens)
    # Locked first, as whoever queues a push to them does.
    devices = Device.objects.filter(pk__in=wanted).order_by("pk").select_for_update()
    gone = [device.pk for device in devices if device.token == wanted[device.pk]]
    Push.objects.filter(device__in=gone).delete()
    Device.objects.filter(pk__in=gone).delete()
