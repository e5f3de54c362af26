"""Creating, changing, starting, ending and cancelling streams."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from listings.models import Category
from listings.services.products import clear_live_stream, set_live_stream
from livestream import access, events, live_counts, states
from livestream.error_codes import LivestreamErrorCode
from livestream.media import stream_keys
from livestream.models import PublisherConnection, Replay, Stream, StreamProduct
from livestream.notification_kinds import STREAM_ENDED_BY_STAFF
from livestream.selectors.reactions import total_likes
from livestream.selectors.replays import expected_vod_url
from livestream.selectors.viewers import highest_sample, viewer_stats
from livestream.services.announcements import choose_recipients
from livestream.services.reactions import save_reactions
from livestream.services.recording_checks import require_recordable
from livestream.services.replays import enqueue_replay
from livestream.services.room_sweeps import close_viewer_sessions
from livestream.services.schedules import enqueue_announcing_schedule
from livestream.services.withdrawn_replays import withdraw_replay, withdraw_replays_of
from notifications.services.notify import notify
from soukloop.core.db.clock import database_now
from soukloop.core.errors import Conflict, Forbidden, ValidationFailed
from soukloop.core.jobs.queue import enqueue
from soukloop.core.staff.history import log_staff_action


@transaction.atomic
def create_stream(
    *, actor: User, title: str, category: Category, product_ids: Sequence[UUID] = (), **stream_settings: Any
) -> Stream:
    """Create a scheduled stream with its products (contract 4.1).

    Raises Forbidden for a buyer or another seller's product, ValidationFailed for a product not on sale.
    """
    access.require_may_stream(actor)
    products = access.available_products_of(actor, product_ids)
    stream = Stream.objects.create(seller=actor, title=title, category=category, **stream_settings)
    StreamProduct.objects.bulk_create(
        StreamProduct(stream=stream, product=product, position=position)
        for position, product in enumerate(products)
    )
    if stream.scheduled_at is not None:
        enqueue_announcing_schedule(stream)
    return stream


@transaction.atomic
def update_settings(*, actor: User, stream_id: UUID, changes: Mapping[str, Any]) -> Stream:
    """Change some settings of a scheduled stream (contract 4.2). Raises NotFound, Forbidden, Conflict."""
    stream = access.own_stream(actor, stream_id, lock=True)
    states.require_allowed(stream, "change_settings")
    earlier = stream.scheduled_at, stream.notify_followers
    for name, value in changes.items():
        setattr(stream, name, value)
    stream.save()
    if stream.scheduled_at is not None and earlier != (stream.scheduled_at, stream.notify_followers):
        enqueue_announcing_schedule(stream)
    return stream


@transaction.atomic
def go_live(
    *, actor: User, stream_id: UUID, camera_ready: bool, checklist_complete: bool
) -> tuple[Stream, str]:
    """Start a scheduled stream; return it with its stream key, which is never shown again (contract 4.3).

    Chooses and counts the people to notify; a job notifies them. Raises ValidationFailed if the camera or
    the checklist isn't ready, Conflict (`stream_not_scheduled`, `already_live`), and as `require_recordable`.
    """
    stream = access.own_stream(actor, stream_id, lock=True)
    missing = {
        "camera_ready": [_("The camera must be ready.")] * (not camera_ready),
        "checklist_complete": [_("The checklist must be complete.")] * (not checklist_complete),
    }
    if problems := {field: messages for field, messages in missing.items() if messages}:
        raise ValidationFailed(details=problems)
    states.apply_action(stream, "go_live")
    require_recordable()
    stream.started_at = database_now()
    key = stream_keys.new_key()
    stream.key_digest = stream_keys.digest(key)
    try:
        with transaction.atomic():
            stream.save()
    except IntegrityError as error:
        if "stream_one_live_per_seller" not in str(error):
            raise
        raise Conflict(
            _("You already have a live stream. End it first."), code=LivestreamErrorCode.ALREADY_LIVE
        ) from error
    # After the row is saved as live, so that streams of one seller are announced one after the other.
    stream.notifications_sent = choose_recipients(stream)
    stream.save(update_fields=["notifications_sent"])
    if stream.record_stream:
        Replay.objects.create(stream=stream)
    product_ids = list(stream.stream_products.values_list("product_id", flat=True))
    set_live_stream(product_ids=product_ids, stream_id=stream.pk)
    if stream.notifications_sent:
        lock = f"livestream.announce_stream:{stream.pk}"
        enqueue("livestream.announce_stream", lock=lock, stream_id=str(stream.pk))
    events.publish_stream_live(stream, product_ids)
    transaction.on_commit(lambda: live_counts.start_counting(stream.pk), robust=True)
    return stream, key


@transaction.atomic
def end_stream(*, actor: User, stream_id: UUID) -> Stream:
    """End the actor's own live stream (contract 4.8). Raises NotFound, Forbidden, Conflict."""
    stream = access.own_stream(actor, stream_id, lock=True)
    return _end(stream, Stream.EndReason.OWNER)


@transaction.atomic
def end_stream_by_staff(*, actor: User, stream_id: UUID, reason: str) -> Stream:
    """End any live stream as staff; the seller is told the reason. Raises Forbidden, Conflict."""
    if not actor.is_staff:
        raise Forbidden
    stream = access.lock_stream(stream_id)
    _end(stream, Stream.EndReason.STAFF, note=reason)
    log_staff_action(actor=actor, row=stream, message=f"Ended: {reason}")
    notify(
        user_ids=[stream.seller_id],
        kind=STREAM_ENDED_BY_STAFF,
        params={"stream": stream.title, "reason": reason},
        data={"stream_id": str(stream.pk), "reason": Replay.Reason.ENDED_BY_STAFF},
    )
    return stream


@transaction.atomic
def end_abandoned_stream(
    *, stream_id: UUID, reason: Stream.EndReason, unless_published_since: datetime
) -> bool:
    """End a live stream without an encoder, unless it had one since that time; return whether it was ended.

    The conditions are checked with the row locked: the encoder may have reconnected, or the stream ended.
    """
    stream = access.lock_stream(stream_id)
    is_publishing = stream.publisher_connections.filter(lost_at=None).exists()
    was_publishing = stream.publisher_connections.filter(lost_at__gte=unless_published_since).exists()
    if not stream.is_live or is_publishing or was_publishing:
        return False
    _end(stream, reason)
    return True


@transaction.atomic
def close_streams_of(seller: User) -> None:
    """End or cancel the open streams of a seller whose account is closed, and withdraw the replays."""
    open_streams = Stream.objects.of_seller(seller.pk).filter(
        status__in=[Stream.Status.LIVE, Stream.Status.SCHEDULED]
    )
    for stream in open_streams.select_for_update(no_key=True).order_by("pk"):
        if stream.is_live:
            _end(stream, Stream.EndReason.ACCOUNT_CLOSED)
        else:
            _cancel(stream)
    withdraw_replays_of(seller)


@transaction.atomic
def cancel_stream(*, actor: User, stream_id: UUID) -> Stream:
    """Cancel a scheduled stream. Raises NotFound, Forbidden, Conflict."""
    return _cancel(access.own_stream(actor, stream_id, lock=True))


@transaction.atomic
def rotate_key(*, actor: User, stream_id: UUID) -> tuple[Stream, str]:
    """Replace a live stream's key and disconnect the encoder that uses the old one.

    The room gets `stream:interrupted`, as for any lost encoder, which can reconnect with the new key. Raises
    NotFound, Forbidden, Conflict.
    """
    stream = access.own_stream(actor, stream_id, lock=True)
    states.require_allowed(stream, "rotate_key")
    key = stream_keys.new_key()
    stream.key_digest = stream_keys.digest(key)
    stream.save(update_fields=["key_digest", "updated_at"])
    if _disconnect_publisher(stream):
        events.publish_stream_interrupted(stream, database_now() + settings.STREAM_RECONNECT_WINDOW)
    return stream, key


def _cancel(stream: Stream) -> Stream:
    states.apply_action(stream, "cancel")
    stream.cancelled_at = database_now()
    stream.save(update_fields=["status", "cancelled_at", "updated_at"])
    return stream


def _end(stream: Stream, reason: str, note: str = "") -> Stream:
    """End a live stream whose row is locked, with its viewer sessions, statistics, encoder and replay."""
    states.apply_action(stream, "end")
    stream.ended_at = database_now()
    stream.end_reason, stream.end_note = reason, note
    stream.key_digest = None
    close_viewer_sessions(stream)
    save_reactions(stream.pk, live_counts.reactions(stream.pk))
    stats = viewer_stats(stream)
    stream.viewer_count = 0
    # Sessions of killed processes are closed at their last heartbeat, so the live peak may be higher.
    stream.peak_viewers = max(stats.peak, stream.peak_viewers, highest_sample(stream.pk))
    stream.unique_viewers = stats.unique
    stream.average_watch_seconds = stats.average_seconds
    stream.total_likes = total_likes(stream.pk)
    stream.save()
    clear_live_stream(stream_id=stream.pk)
    _disconnect_publisher(stream)
    if not stream.record_stream:
        enqueue("livestream.delete_recordings", stream_id=str(stream.pk))
    elif reason == Stream.EndReason.STAFF:
        withdraw_replay(stream.replay, Replay.Reason.ENDED_BY_STAFF)
    else:
        enqueue_replay(stream)
    events.publish_stream_ended(stream, vod_url=expected_vod_url(stream, None))
    transaction.on_commit(lambda: live_counts.stop_counting(stream.pk), robust=True)
    return stream


def _disconnect_publisher(stream: Stream) -> bool:
    """Mark the encoder as disconnected and enqueue dropping it; return whether there was one."""
    lost = PublisherConnection.objects.filter(stream=stream, lost_at=None).update(lost_at=database_now())
    enqueue("livestream.drop_publisher", public_id=stream.public_id)
    return bool(lost)
