"""Notifying people of new followers."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q

from accounts.models import Follow, User
from notifications.models import FollowNotice, Notification
from notifications.notification_kinds import FOLLOWER_NEW
from notifications.services.notify import notify
from soukloop.core.db.clock import database_now
from soukloop.core.jobs.queue import enqueue

_TOLD_AGAIN_AFTER = timedelta(days=1)


def enqueue_notifying_of_follower(follower_id: UUID, followed_id: UUID) -> None:
    """Enqueue the job that notifies a person of a follower; one at a time for each person.

    As a job, because followers of a popular person would otherwise wait for each other's row.
    """
    enqueue(
        "notifications.notify_of_follower",
        lock=f"notifications.followers:{followed_id}",
        follower_id=str(follower_id),
        followed_id=str(followed_id),
    )


@transaction.atomic
def notify_of_follower(*, follower_id: UUID, followed_id: UUID) -> bool:
    """Notify a person of a new follower, together with those in an unread notification; return whether.

    Not of somebody who has unfollowed meanwhile, nor twice a day of somebody who follows again. A second run
    of the same job does nothing.
    """
    follower = User.objects.filter(pk=follower_id, is_active=True).first()
    follows = Follow.objects.filter(follower=follower_id, followed=followed_id).exists()
    if follower is None or not follows or not _record_notice(follower_id, followed_id):
        return False
    count = 1 + _count_in_unread(followed_id)
    notified = notify(
        user_ids=[followed_id],
        kind=FOLLOWER_NEW,
        params={"actor": f"@{follower.username}", "count": count},
        data={"user_id": str(follower_id), "count": count},
        actor_id=follower_id,
    )
    return bool(notified)


def delete_old_notices() -> None:
    """Delete the records that no longer keep anybody from being notified again."""
    FollowNotice.objects.filter(created_at__lt=database_now() - _TOLD_AGAIN_AFTER).delete()


_RECORD = """
INSERT INTO notifications_follownotice AS notice (follower_id, followed_id, created_at)
VALUES (%(follower)s, %(followed)s, %(now)s)
ON CONFLICT (follower_id, followed_id) DO UPDATE SET created_at = excluded.created_at
    WHERE notice.created_at <= %(limit)s
RETURNING id
"""


def _record_notice(follower_id: UUID, followed_id: UUID) -> bool:
    """Record that a person is notified of this follower; return False if that was less than a day ago."""
    now = database_now()
    params: dict[str, Any] = {"follower": follower_id, "followed": followed_id, "now": now}
    params["limit"] = now - _TOLD_AGAIN_AFTER
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, params)
        return cursor.fetchone() is not None


def _count_in_unread(user_id: UUID) -> int:
    """Return how many followers the person's unread notification counts.

    One that isn't in the inbox can't be read, so it counts for a day.
    """
    is_counted = Q(is_in_inbox=True) | Q(created_at__gt=database_now() - _TOLD_AGAIN_AFTER)
    unread = Notification.objects.of(user_id).unread().filter(is_counted, kind=FOLLOWER_NEW.name)
    params = unread.filter(collapse_key=FOLLOWER_NEW.key_for({})).values_list("params", flat=True).first()
    return int(params["count"]) if params else 0
