"""Notifying followers of the time for which a stream is scheduled."""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction

from accounts.models import Follow
from livestream import access
from livestream.models import Stream
from livestream.notification_kinds import STREAM_SCHEDULED
from notifications.services.notify import notify
from soukloop.core.db.clock import database_now
from soukloop.core.jobs.queue import enqueue

_DAY = timedelta(days=1)


def enqueue_announcing_schedule(stream: Stream, *, at: datetime | None = None) -> None:
    """Enqueue the job that notifies followers; those of one seller run one after the other."""
    enqueue(
        "livestream.announce_schedule",
        lock=f"livestream.announce_schedule:{stream.seller_id}",
        schedule_at=at,
        stream_id=str(stream.pk),
    )


@transaction.atomic
def announce_schedule(*, stream_id: UUID) -> int:
    """Notify the seller's followers of a stream's time, unless they know it; return how many.

    Once in STREAM_SCHEDULE_NOTICE_EVERY for one stream: a time that is changed more often is told when that
    is over. Of at most STREAM_SCHEDULES_TOLD_MAX streams of one seller a day.
    """
    stream = access.lock_stream(stream_id)
    now = database_now()
    time = stream.scheduled_at
    if stream.status != Stream.Status.SCHEDULED or not stream.notify_followers:
        return 0
    if time is None or time <= now or time == stream.schedule_told_for:
        return 0
    if stream.schedule_told_at is not None:
        next_at = stream.schedule_told_at + settings.STREAM_SCHEDULE_NOTICE_EVERY
        if next_at > now:
            enqueue_announcing_schedule(stream, at=next_at)
            return 0
    others = Stream.objects.of_seller(stream.seller_id).exclude(pk=stream.pk)
    told_today = others.filter(schedule_told_at__gt=now - _DAY).count()
    if told_today >= settings.STREAM_SCHEDULES_TOLD_MAX:
        return 0
    stream.schedule_told_at, stream.schedule_told_for = now, time
    stream.save(update_fields=["schedule_told_at", "schedule_told_for"])
    return notify(
        user_ids=Follow.objects.filter(followed=stream.seller_id).values_list("follower_id", flat=True),
        kind=STREAM_SCHEDULED,
        params={
            "actor": f"@{stream.seller.username}",
            "stream": stream.title,
            "time": {"at": time.isoformat()},
        },
        data={"stream_id": str(stream.pk), "seller_id": str(stream.seller_id)},
        actor_id=stream.seller_id,
    )
