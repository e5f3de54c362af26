"""The life of a stream: planned, changed, taken live, ended, called off."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from listings.models import Category
from listings.services.products import clear_live_stream, set_live_stream
from livestream import access, events, live_counts, states
from livestream.media import addresses, stream_keys
from livestream.models import PublisherConnection, ReactionTotal, Replay, Stream, StreamProduct
from livestream.selectors import audiences, figures
from livestream.services import rooms
from soukloop.core.errors import Conflict, Forbidden, ValidationFailed
from soukloop.core.jobs.queue import enqueue
from soukloop.core.staff.history import log_staff_action


@transaction.atomic
def create_stream(
    *, actor: User, title: str, category: Category, product_ids: Sequence[UUID] = (), **stream_settings: Any
) -> Stream:
    """Plan a stream with its products (contract 4.1).

    Raises Forbidden for a buyer or somebody else's product, ValidationFailed for one that isn't on sale.
    """
    if actor.role != User.Role.SELLER:
        raise Forbidden("Only sellers may go live.", code="sellers_only")
    products = access.products_of(actor, product_ids)
    stream = Stream.objects.create(seller=actor, title=title, category=category, **stream_settings)
    StreamProduct.objects.bulk_create(
        StreamProduct(stream=stream, product=product, position=position)
        for position, product in enumerate(products)
    )
    return stream


@transaction.atomic
def update_settings(*, actor: User, stream_id: UUID, changes: Mapping[str, Any]) -> Stream:
    """Change some settings of a scheduled stream (contract 4.2). Raises NotFound, Forbidden, Conflict."""
    stream = access.own_stream(actor, stream_id, lock=True)
    states.check(stream, "change_settings")
    for name, value in changes.items():
        setattr(stream, name, value)
    stream.save()
    return stream


@transaction.atomic
def go_live(
    *, actor: User, stream_id: UUID, camera_ready: bool, checklist_complete: bool
) -> tuple[Stream, str]:
    """Take a scheduled stream live; return it with its stream key, which is shown this once (contract 4.3).

    How many people will be told is counted in one query; a job writes to them. Raises ValidationFailed when
    the camera or the checklist isn't ready, Conflict (`stream_not_scheduled`, `already_live`).
    """
    stream = access.own_stream(actor, stream_id, lock=True)
    missing = {
        "camera_ready": ["Get the camera ready first."] * (not camera_ready),
        "checklist_complete": ["Complete the checklist first."] * (not checklist_complete),
    }
    if problems := {field: messages for field, messages in missing.items() if messages}:
        raise ValidationFailed(details=problems)
    states.move(stream, "go_live")
    stream.started_at = timezone.now()
    key = stream_keys.mint()
    stream.key_digest = stream_keys.digest(key)
    stream.notifications_sent = audiences.count_people_to_notify(stream)
    try:
        with transaction.atomic():
            stream.save()
    except IntegrityError as error:
        if "stream_one_live_per_seller" not in str(error):
            raise
        raise Conflict("You have a live stream already. End it first.", code="already_live") from error
    if stream.record_stream:
        Replay.objects.create(stream=stream)
    product_ids = list(stream.stream_products.values_list("product_id", flat=True))
    set_live_stream(product_ids=product_ids, stream_id=stream.pk)
    if stream.notifications_sent:
        enqueue("livestream.announce", lock=f"livestream.announce:{stream.pk}", stream_id=str(stream.pk))
    events.stream_live(stream, product_ids)
    transaction.on_commit(lambda: live_counts.begin(stream.pk), robust=True)
    return stream, key


@transaction.atomic
def end_stream(*, actor: User, stream_id: UUID) -> Stream:
    """End one's own live stream (contract 4.8). Raises NotFound, Forbidden, Conflict."""
    stream = access.own_stream(actor, stream_id, lock=True)
    return _end(stream, Stream.EndReason.OWNER)


@transaction.atomic
def end_by_staff(*, actor: User, stream_id: UUID, reason: str) -> Stream:
    """Cut somebody's live stream off, for a reason that other staff can read. Raises Forbidden, Conflict."""
    if not actor.is_staff:
        raise Forbidden
    stream = access.locked_stream(stream_id)
    _end(stream, Stream.EndReason.STAFF, note=reason)
    log_staff_action(actor=actor, row=stream, message=f"Ended: {reason}")
    return stream


@transaction.atomic
def end_abandoned(*, stream_id: UUID, reason: Stream.EndReason, unless_published_since: datetime) -> bool:
    """End a stream that has no encoder and had none since; tells whether it did.

    Looks again under the lock: the encoder may have come back, the owner may have ended it.
    """
    stream = access.locked_stream(stream_id)
    is_back = stream.publisher_connections.filter(lost_at=None).exists()
    was_there = stream.publisher_connections.filter(lost_at__gte=unless_published_since).exists()
    if not stream.is_live or is_back or was_there:
        return False
    _end(stream, reason)
    return True


@transaction.atomic
def close_streams_of(seller: User) -> None:
    """End the live stream and call off the planned ones of somebody whose account is closed."""
    open_streams = Stream.objects.of_seller(seller.pk).filter(
        status__in=[Stream.Status.LIVE, Stream.Status.SCHEDULED]
    )
    for stream in open_streams.select_for_update(no_key=True).order_by("pk"):
        if stream.is_live:
            _end(stream, Stream.EndReason.ACCOUNT_CLOSED)
        else:
            _cancel(stream)


@transaction.atomic
def cancel_stream(*, actor: User, stream_id: UUID) -> Stream:
    """Call a scheduled stream off. Raises NotFound, Forbidden, Conflict."""
    return _cancel(access.own_stream(actor, stream_id, lock=True))


@transaction.atomic
def rotate_key(*, actor: User, stream_id: UUID) -> tuple[Stream, str]:
    """Replace a live stream's key, which may have been seen; who publishes with the old one is cut off.

    The room is told as of any encoder that is lost: it may come back with the new key. Raises NotFound,
    Forbidden, Conflict.
    """
    stream = access.own_stream(actor, stream_id, lock=True)
    states.check(stream, "rotate_key")
    key = stream_keys.mint()
    stream.key_digest = stream_keys.digest(key)
    stream.save(update_fields=["key_digest", "updated_at"])
    if _cut_publisher(stream):
        events.stream_interrupted(stream, timezone.now() + settings.STREAM_RECONNECT_WINDOW)
    return stream, key


def duration_of(stream: Stream) -> int:
    """Return how many whole seconds the stream has been, or was, live."""
    if stream.started_at is None:
        return 0
    return max(0, int(((stream.ended_at or timezone.now()) - stream.started_at).total_seconds()))


def _cancel(stream: Stream) -> Stream:
    states.move(stream, "cancel")
    stream.cancelled_at = timezone.now()
    stream.save(update_fields=["status", "cancelled_at", "updated_at"])
    return stream


def _end(stream: Stream, reason: str, note: str = "") -> Stream:
    """Close a live stream whose row is locked: figures, products, publisher, replay, room."""
    states.move(stream, "end")
    stream.ended_at = timezone.now()
    stream.end_reason, stream.end_note = reason, note
    stream.key_digest = None
    rooms.close_stays(stream)
    save_reactions(stream.pk, live_counts.reactions(stream.pk))
    watched = figures.watch_figures(stream)
    stream.viewer_count = 0
    # The stays of a killed process are as long as was known of them: at the time more may have been counted.
    stream.peak_viewers = max(watched.peak, stream.peak_viewers, figures.highest_sample(stream.pk))
    stream.unique_viewers = watched.unique
    stream.average_watch_seconds = watched.average_seconds
    stream.total_likes = figures.total_likes(stream.pk)
    stream.save()
    clear_live_stream(stream_id=stream.pk)
    _cut_publisher(stream)
    if stream.record_stream:
        enqueue_replay(stream)
    else:
        enqueue("livestream.delete_recordings", stream_id=str(stream.pk))
    events.stream_ended(stream, duration=duration_of(stream), vod_url=vod_url_of(stream))
    transaction.on_commit(lambda: live_counts.expire(stream.pk), robust=True)
    return stream


def vod_url_of(stream: Stream) -> str | None:
    """Return where the replay will be, if recording is on (contract 4.8).

    Also of a stream that nobody published: whether a late picture is still on its way isn't known yet. The
    replay job finds out, and from then on there is none.
    """
    return addresses.vod_url(stream.public_id) if stream.record_stream else None


def enqueue_replay(stream: Stream) -> None:
    """Have the replay made once the recording is complete; one job at a time for a stream."""
    enqueue("livestream.make_replay", lock=f"livestream.replay:{stream.pk}", stream_id=str(stream.pk))


def save_reactions(stream_id: UUID, counted: Mapping[str, int]) -> None:
    """Write down what Redis counted; never less than what was written before, should Redis have forgotten."""
    saved = figures.saved_reactions(stream_id)
    ReactionTotal.objects.bulk_create(
        [
            ReactionTotal(stream_id=stream_id, emoji=emoji, count=count)
            for emoji, count in sorted(counted.items())
            if emoji in settings.STREAM_REACTIONS and count > saved.get(emoji, 0)
        ],
        update_conflicts=True,
        unique_fields=["stream", "emoji"],
        update_fields=["count"],
    )


def _cut_publisher(stream: Stream) -> bool:
    """Note that the encoder is gone and have it cut off; tells whether there was one."""
    lost = PublisherConnection.objects.filter(stream=stream, lost_at=None).update(lost_at=timezone.now())
    enqueue("livestream.cut_publisher", public_id=stream.public_id)
    return bool(lost)
