"""The daily email of unread notifications: who is due, sending, and ending it."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core import mail
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from notifications.emails import Digest, digest_email
from notifications.kinds import names_emailed_at_once
from notifications.models import ALL_EMAILS, NotificationSettings
from notifications.selectors import unread_for_email
from notifications.services.mail_sending import Result, send_claimed
from notifications.texts import zone_of
from soukloop.core.db.clock import database_now
from soukloop.core.errors import Unavailable
from soukloop.core.jobs.queue import enqueue

logger = logging.getLogger(__name__)

_BATCH_SIZE = 1000
_PAUSE = timedelta(hours=20)  # between the times of two digests of somebody whose time zone changed


def schedule_digests() -> int:
    """Enqueue jobs for the people whose day has come to DIGEST_FROM; return the number of people.

    A person's day is claimed together with the job, so each is in one job a day, however often this runs.
    """
    after, scheduled = UUID(int=0), 0
    while user_ids := _claim_days(after):
        after, scheduled = user_ids[-1], scheduled + len(user_ids)
    return scheduled


# People without settings get a row, which has the day. Each person's notifications are looked up by LIMIT 1
# instead of EXISTS, for which PostgreSQL would read all notifications again for each 1,000 people.
_CLAIM_DAYS = """
INSERT INTO notifications_notificationsettings AS settings (user_id, off, time_zone, digest_on)
SELECT person.id, '{}', %(zone)s, local.time::date
FROM accounts_user AS person
LEFT JOIN notifications_notificationsettings AS own ON own.user_id = person.id
CROSS JOIN LATERAL (SELECT %(now)s AT TIME ZONE coalesce(own.time_zone, %(zone)s) AS time) AS local
CROSS JOIN LATERAL (
    SELECT FROM notifications_notification AS notification
    WHERE notification.user_id = person.id AND notification.read_at IS NULL AND notification.is_in_inbox
        AND notification.created_at > greatest(own.digest_until, %(since)s)
        AND notification.created_at <=
            (local.time::date + %(from)s) AT TIME ZONE coalesce(own.time_zone, %(zone)s)
        AND NOT notification.kind = ANY(%(emailed_at_once)s)
        AND NOT 'email:' || notification.kind = ANY(coalesce(own.off, '{}'))
    LIMIT 1
) AS unread
WHERE person.id > %(after)s AND person.is_active AND person.email_confirmed_at IS NOT NULL
    AND local.time::time >= %(from)s AND local.time::time < %(before)s
    AND coalesce(own.digest_on < local.time::date, TRUE)
    AND coalesce(own.digest_until < %(pause)s, TRUE)
    AND NOT %(all)s = ANY(coalesce(own.off, '{}'))
ORDER BY person.id
LIMIT %(limit)s
ON CONFLICT (user_id) DO UPDATE SET digest_on = excluded.digest_on
    WHERE coalesce(settings.digest_on < excluded.digest_on, TRUE)
RETURNING user_id
"""


@transaction.atomic
def _claim_days(after: UUID) -> list[UUID]:
    """Claim the day of up to _BATCH_SIZE people, by id, and enqueue their jobs; return their ids."""
    now = database_now()
    params: dict[str, Any] = {
        "after": after,
        "now": now,
        "from": settings.DIGEST_FROM,
        "before": settings.DIGEST_BEFORE,
        "since": now - settings.DIGEST_LOOKS_BACK,
        "pause": now - _PAUSE,
        "zone": NotificationSettings._meta.get_field("time_zone").default,
        "emailed_at_once": names_emailed_at_once(),
        "all": ALL_EMAILS,
        "limit": _BATCH_SIZE,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM_DAYS, params)
        user_ids = sorted(user_id for (user_id,) in cursor.fetchall())
    for start in range(0, len(user_ids), settings.DIGEST_JOB_SIZE):
        enqueue(
            "notifications.send_digests",
            user_ids=[str(user_id) for user_id in user_ids[start : start + settings.DIGEST_JOB_SIZE]],
            scheduled_at=now.isoformat(),
        )
    return user_ids


def send_digests(*, user_ids: Sequence[UUID], scheduled_at: datetime) -> int:
    """Email these people what they haven't read, each at most once; return the number of emails.

    Each is recorded before it is sent, and only what the server certainly refused for now is taken back. A
    process that is killed in between has sent it or not: it isn't repeated. Raises Unavailable or OSError
    where the job is to be repeated, for those who were not recorded.
    """
    if database_now() > scheduled_at + settings.DIGEST_RETRIED_FOR:
        logger.warning("the digests of %d people were given up, as it is late", len(user_ids))
        return 0
    server = mail.get_connection()
    server.open()
    try:
        results = [_send_digest(server, user_id, scheduled_at) for user_id in user_ids]
    finally:
        server.close()
    if "refused" in results:
        raise Unavailable(_("The mail server refused some digests for now."))
    return results.count("sent")


def stop_digests(*, user_id: UUID) -> None:
    """Switch all emails off, as a link in one of them asks for; does nothing the second time."""
    with transaction.atomic():
        if not User.objects.filter(pk=user_id, is_active=True).exists():
            return
        NotificationSettings.objects.get_or_create(user_id=user_id)
        row = NotificationSettings.objects.select_for_update().get(user_id=user_id)
        if ALL_EMAILS not in row.off:
            row.off = [*row.off, ALL_EMAILS]
            row.save(update_fields=["off"])


def _send_digest(server: Any, user_id: UUID, scheduled_at: datetime) -> Result:
    """Send one person's digest; return "sent", "none" or "refused"."""
    previous, digest = _claim_digest(user_id, scheduled_at)
    if digest is None:
        return "none"
    return send_claimed(
        server,
        digest_email(digest),
        name=f"the digest of user {user_id}",
        return_claim=lambda: _return_claim(user_id, digest.until, previous),
    )


@transaction.atomic
def _claim_digest(user_id: UUID, scheduled_at: datetime) -> tuple[datetime | None, Digest | None]:
    """Record the digest as sent, and return it with the time of the one before, if there is one to send.

    It has what was written until DIGEST_FROM, however late it is: the next one has what came later.
    """
    own = NotificationSettings.objects.select_for_update(of=("self",)).select_related("user")
    row = own.filter(user_id=user_id).first()
    if row is None or (row.digest_until and row.digest_until >= scheduled_at - _PAUSE):
        return None, None
    previous, user = row.digest_until, row.user
    if not user.is_active or user.email is None or user.email_confirmed_at is None or ALL_EMAILS in row.off:
        return previous, None
    local = scheduled_at.astimezone(zone_of(row.time_zone))
    until = min(datetime.combine(local.date(), settings.DIGEST_FROM, local.tzinfo), scheduled_at)
    since = scheduled_at - settings.DIGEST_LOOKS_BACK
    unread = unread_for_email(row, since=max(previous or since, since), until=until)
    notifications = list(unread[: settings.DIGEST_ITEMS_MAX])
    if not notifications:
        return previous, None
    row.digest_until = until
    row.save(update_fields=["digest_until"])
    return previous, Digest(user, until, row.time_zone, notifications, unread.count())


def _return_claim(user_id: UUID, until: datetime, previous: datetime | None) -> None:
    claimed = NotificationSettings.objects.filter(user_id=user_id, digest_until=until)
    claimed.update(digest_until=previous)
