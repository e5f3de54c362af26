"""Notifying followers and neighbours that a stream is live."""

from itertools import islice
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from livestream import access
from livestream.models import Stream
from livestream.selectors.announcements import recipient_ids
from notifications.services import BATCH_SIZE, notify

KIND = "stream_live"


def announce_stream(*, stream_id: UUID) -> int:
    """Notify all recipients in batches, and return how many people were notified.

    Progress is committed with each batch, so a job that was killed resumes where it stopped.
    """
    stream = Stream.objects.select_related("seller").get(pk=stream_id)
    last_notified = stream.announced_up_to
    remaining = (
        user_id for user_id in recipient_ids(stream) if last_notified is None or user_id > last_notified
    )
    notified = 0
    while batch := list(islice(remaining, BATCH_SIZE)):
        if not _notify_batch(stream_id, batch):
            return notified
        notified += len(batch)
    Stream.objects.filter(pk=stream_id).update(announced_at=timezone.now())
    return notified


@transaction.atomic
def _notify_batch(stream_id: UUID, batch: list[UUID]) -> bool:
    """Notify these people; return False if the stream has ended or another job has notified them."""
    stream = access.lock_stream(stream_id)
    if not stream.is_live or (stream.announced_up_to is not None and stream.announced_up_to >= batch[0]):
        return False
    notify(
        user_ids=batch,
        kind=KIND,
        title=f"@{stream.seller.username} is live",
        body=stream.title,
        data={
            "streamId": str(stream.pk),
            "sellerId": str(stream.seller_id),
            "category": stream.category_id,
        },
        actor_id=stream.seller_id,
    )
    stream.announced_up_to = batch[-1]
    stream.save(update_fields=["announced_up_to"])
    return True
