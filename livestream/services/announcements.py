"""Telling followers and neighbours that a stream is live."""

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
    told = 0
    while True:
        batch = _announce_batch(stream_id)
        if not batch:
            return told
        told += batch


@transaction.atomic
def _announce_batch(stream_id: UUID) -> int:
    stream = access.locked_stream(stream_id)
    if not stream.is_live or stream.announced_at is not None:
        return 0
    people = audiences.people_to_notify(stream).order_by("pk")
    if stream.announced_up_to is not None:
        people = people.filter(pk__gt=stream.announced_up_to)
    ids = list(people.values_list("pk", flat=True)[:BATCH])
    if not ids:
        stream.announced_at = timezone.now()
        stream.save(update_fields=["announced_at"])
        return 0
    notify(
        user_ids=ids,
        kind=KIND,
        title=f"@{stream.seller.username} is live",
        body=stream.title,
        data=_data(stream),
        actor_id=stream.seller_id,
    )
    stream.announced_up_to = ids[-1]
    stream.save(update_fields=["announced_up_to"])
    return len(ids)


def _data(stream: Stream) -> dict[str, str]:
    return {"streamId": str(stream.pk), "sellerId": str(stream.seller_id), "category": stream.category_id}
