"""Notifying followers and neighbours that a stream is live."""

from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now

from livestream import access
from livestream.models import Announcement, Stream
from livestream.notification_kinds import STREAM_LIVE
from livestream.selectors.announcements import recipients_of
from notifications.services.notify import BATCH_SIZE, notify

_SAVE_ANNOUNCEMENT = """
WITH followers AS MATERIALIZED (SELECT ARRAY({followers}) AS ids)
INSERT INTO livestream_announcement (stream_id, seller_id, location, recipient_ids, follower_count,
  neighbour_count, progress, notified, created_at)
SELECT %(stream)s, %(seller)s, %(location)s::geography, followers.ids || neighbours.ids,
  cardinality(followers.ids), cardinality(neighbours.ids), 0, 0, now()
FROM followers, {neighbours} AS neighbours
RETURNING follower_count + neighbour_count
"""


@transaction.atomic
def choose_recipients(stream: Stream) -> int:
    """Save whom `announce_stream` will notify, and return how many people that is.

    The caller has saved the stream as live in its transaction: only one stream of a seller can be, so that
    of two that start at once the second sees the first one's announcement.
    """
    recipients = recipients_of(stream)
    neighbours = "(SELECT '{}'::uuid[] AS ids)"
    with connection.cursor() as cursor:
        # PostgreSQL can't estimate how many people live within a radius: it assumes twenty, and would use a
        # nested loop over 100,000, and sort their earlier notices instead of hashing them. An INSERT is never
        # planned in parallel, CREATE TABLE is (370 ms or 110).
        cursor.execute(
            "SET LOCAL enable_nestloop = off; SET LOCAL enable_sort = off; SET LOCAL work_mem = '32MB';"
            "SET LOCAL max_parallel_workers_per_gather = 2"
        )
        if recipients.neighbours:
            # Two sellers who choose the same people at once would exceed what each of those may receive.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('livestream.announcement'))")
            neighbours = "chosen_neighbours"
            cursor.execute(
                "CREATE TEMPORARY TABLE chosen_neighbours ON COMMIT DROP AS"
                f" SELECT ARRAY({recipients.neighbours}) AS ids",
                recipients.params,
            )
        save = _SAVE_ANNOUNCEMENT.format(followers=recipients.followers, neighbours=neighbours)
        cursor.execute(save, recipients.params)
        [count] = cursor.fetchone()
        cursor.execute(
            "DROP TABLE IF EXISTS chosen_neighbours; SET LOCAL enable_nestloop TO DEFAULT;"
            "SET LOCAL enable_sort TO DEFAULT; SET LOCAL work_mem TO DEFAULT;"
            "SET LOCAL max_parallel_workers_per_gather TO DEFAULT"
        )
    return int(count)


def announce_stream(*, stream_id: UUID) -> int:
    """Notify the chosen people in batches, and return how many were notified.

    Progress is committed with each batch, so a job that was killed resumes where it stopped. Afterwards
    `notifications_sent` leaves out those who closed their account or blocked the seller in the meantime,
    and those who were not reached before the stream ended.
    """
    notified = 0
    while (batch := _notify_batch(stream_id)) is not None:
        notified += batch
    for announcement in Announcement.objects.defer("recipient_ids").filter(stream=stream_id):
        Stream.objects.filter(pk=stream_id).update(notifications_sent=announcement.notified)
    return notified


@transaction.atomic
def _notify_batch(stream_id: UUID) -> int | None:
    """Notify the next people; return how many, or None if all have been or the stream has ended."""
    stream = access.lock_stream(stream_id)
    announcement = Announcement.objects.defer("recipient_ids").filter(stream=stream_id).first()
    if announcement is None or not stream.is_live:
        return None
    start = announcement.progress
    [batch] = Announcement.objects.filter(stream=stream_id).values_list(
        f"recipient_ids__{start}_{start + BATCH_SIZE}", flat=True
    )
    if not batch:
        return None
    notified = notify(
        user_ids=batch,
        kind=STREAM_LIVE,
        params={"actor": f"@{stream.seller.username}", "stream": stream.title},
        data={
            "stream_id": str(stream.pk),
            "seller_id": str(stream.seller_id),
            "category": stream.category_id,
        },
        actor_id=stream.seller_id,
    )
    announcement.progress += len(batch)
    announcement.notified += notified
    announcement.save(update_fields=["progress", "notified"])
    return notified


def delete_old_announcements() -> None:
    """Delete announcements after STREAM_ANNOUNCEMENTS_KEPT_FOR, when no limit looks back at them."""
    Announcement.objects.filter(created_at__lt=Now() - settings.STREAM_ANNOUNCEMENTS_KEPT_FOR).delete()
