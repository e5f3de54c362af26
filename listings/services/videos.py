"""Receiving videos for products: begin, append, delete."""

from datetime import timedelta
from typing import IO
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.access import lock_open_account
from accounts.models import User
from listings.access import own_video, require_may_upload_videos
from listings.error_codes import ListingsErrorCode
from listings.events import publish_video_progress
from listings.media import received
from listings.models import Product, VideoUpload
from soukloop.core.db.clock import database_now
from soukloop.core.errors import Conflict, NotFound, PayloadTooLarge, Unavailable
from soukloop.core.jobs.queue import enqueue

_UNFINISHED = (VideoUpload.State.UPLOADING, VideoUpload.State.WAITING, VideoUpload.State.PROCESSING)


@transaction.atomic
def begin_video(*, actor: User, size: int, file_name: str) -> VideoUpload:
    """Begin to receive a video of `size` bytes, in parts that are appended.

    Raises Forbidden for a buyer, PayloadTooLarge, Conflict (too_many_videos), Unavailable if the disk is
    full, and as `lock_open_account` does.
    """
    require_may_upload_videos(actor)
    if size > settings.VIDEO_MAX_BYTES:
        raise PayloadTooLarge(_("The video is too large."), details={"max_bytes": settings.VIDEO_MAX_BYTES})
    lock_open_account(actor.pk)  # so that parallel requests are counted one after the other
    videos, now = VideoUpload.objects.filter(owner=actor), database_now()
    # Those that expired are deleted soon.
    expired = videos.filter(state=VideoUpload.State.UPLOADING, expires_at__lte=now)
    unfinished = videos.filter(state__in=_UNFINISHED).exclude(pk__in=expired.values("pk"))
    today = videos.filter(created_at__gt=now - timedelta(days=1))
    if unfinished.count() >= settings.VIDEOS_UNFINISHED_MAX or today.count() >= settings.VIDEOS_PER_DAY_MAX:
        message = _("You are uploading too many videos. Finish or delete one, or try again tomorrow.")
        raise Conflict(message, code=ListingsErrorCode.TOO_MANY_VIDEOS)
    video = VideoUpload.objects.create(
        owner=actor,
        size=size,
        file_name=file_name,
        expires_at=now + settings.VIDEO_UPLOAD_EXPIRES_AFTER,
    )
    try:
        if not received.has_room_for(size):
            raise Unavailable(_("There is no space for videos at the moment. Try again later."))
        received.create(video.pk)
    except OSError as error:
        raise _disk_failed() from error
    return video


@transaction.atomic
def append_to_video(*, actor: User, video_id: UUID, offset: int, part: IO[bytes]) -> VideoUpload:
    """Append a part at `offset`, which must be where the last one ended; the last one queues the processing.

    The part is on the disk before its end is acknowledged. Of two parts at once, one waits for the other, and
    is then refused. Raises NotFound, Conflict (video_offset_mismatch), PayloadTooLarge for more bytes than
    were declared, Unavailable.
    """
    video = own_video(actor, video_id, lock=True)
    if offset != video.received:
        message = _("This part begins at another byte than the last one ended.")
        raise Conflict(
            message, code=ListingsErrorCode.VIDEO_OFFSET_MISMATCH, details={"offset": video.received}
        )
    if video.state != VideoUpload.State.UPLOADING:  # complete: there can be nothing to append
        return video
    remaining = video.size - video.received
    try:
        written = received.append(video.pk, part, offset=offset, at_most=remaining)
    except received.BytesLost as error:
        raise NotFound(_("Video not found."), code=ListingsErrorCode.VIDEO_NOT_FOUND) from error
    except OSError as error:
        raise _disk_failed() from error
    if written > remaining:
        raise PayloadTooLarge(_("There are more bytes than the upload declared."))
    video.received += written
    if video.received == video.size:
        video.state = VideoUpload.State.WAITING
        enqueue_processing(video)
        publish_video_progress(video)
    video.save(update_fields=["received", "state", "updated_at"])
    return video


@transaction.atomic
def delete_video(*, actor: User, video_id: UUID) -> None:
    """Delete a video in any state, with its files; raises NotFound, Conflict if a product shows it."""
    video = own_video(actor, video_id, lock=True)
    if is_shown(video):
        raise Conflict(_("A product shows this video."), code=ListingsErrorCode.VIDEO_IN_USE)
    remove_video(video)


def remove_video(video: VideoUpload) -> None:
    """Delete a video's row, and queue deleting its files; the caller has locked it, in a transaction."""
    video_id, owner_id = video.pk, video.owner_id
    video.delete()
    enqueue("listings.delete_video_files", video_id=str(video_id), owner_id=str(owner_id))


def is_shown(video: VideoUpload) -> bool:
    """Return whether a product shows the video, or one did that was deleted a short time ago."""
    since = database_now() - settings.DELETED_PRODUCT_VIDEO_KEPT_FOR
    return (
        video.state == VideoUpload.State.READY
        and Product.objects.filter(seller=video.owner_id, video_url=video.url)
        .exclude(deleted_at__lte=since)
        .exclude(seller__deleted_at__lte=since)
        .exists()
    )


def enqueue_processing(video: VideoUpload) -> None:
    # Jobs with the same lock wait for each other, whatever workers there are.
    slot = video.pk.int % max(1, settings.UPLOADED_VIDEO_TRANSCODERS)
    enqueue(
        "listings.process_video",
        lock=f"listings.video:{slot}",
        video_id=str(video.pk),
        owner_id=str(video.owner_id),
    )


def _disk_failed() -> Unavailable:
    return Unavailable(_("Videos cannot be stored at the moment. Try again."))
