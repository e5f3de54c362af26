"""Telling followers and neighbours that a stream is live."""

from itertools import islice
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from livestream import access
from livestream.models import Stream
from livestream.selectors import audiences
from notifications.services import BATCH, notify

KIND = "stream_live"


def announce(*, stream_id: UUID) -> int:
    """Write to everybody's inbox, batch by batch, and return how many were told.

    How far it came commits with each batch, so that a job that is run again goes on where it was killed.
    """
    stream = Stream.objects.select_related("seller").get(pk=stream_id)
    told_up_to = stream.announced_up_to
    people = (
        person for person in audiences.people_to_notify(stream) if told_up_to is None or person > told_up_to
    )
    told = 0
    while batch := list(islice(people, BATCH)):
        if not _announce_to(stream_id, batch):
            return told
        told += len(batch)
    Stream.objects.filter(pk=stream_id).update(announced_at=timezone.now())
    return told


@transaction.atomic
def _announce_to(stream_id: UUID, batch: list[UUID]) -> bool:
    """Tell these people; False when it is no news any more."""
    stream = access.locked_stream(stream_id)
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
