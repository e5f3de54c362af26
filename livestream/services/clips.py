"""Clips: cutting them out of running streams and replays, and deleting them."""

import logging
import shutil
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, ngettext_lazy

from accounts.models import User
from livestream import access
from livestream.error_codes import LivestreamErrorCode
from livestream.media import addresses, clip_video, ffmpeg, recordings, replay_files
from livestream.models import Clip, Replay, Stream
from livestream.models.clips import CLIP_SECONDS_MIN
from soukloop.core.db.clock import database_now
from soukloop.core.db.release import release_connection
from soukloop.core.errors import Conflict, ValidationFailed
from soukloop.core.jobs.queue import enqueue, is_job_pending

logger = logging.getLogger(__name__)

ATTEMPTS_MAX = 3  # of a clip that fails by itself
INTERRUPTED_ATTEMPTS_MAX = 60  # of one without space, or whose storage fails: about an hour
_RETRY_AFTER = timedelta(minutes=1)


@transaction.atomic
def create_clip(
    *, actor: User, stream_id: UUID, start_seconds: float, end_seconds: float, title: str
) -> Clip:
    """Enqueue cutting a clip out of the actor's own stream, which is live or has a replay.

    An end that is up to a second behind that of the video is moved to it. Raises NotFound, Forbidden,
    Conflict (`no_video_to_clip`, `too_many_clips`), and ValidationFailed for one that is further behind it.
    """
    stream = access.own_stream(actor, stream_id, lock=True)
    replay = Replay.objects.filter(stream=stream).first()
    is_ready = replay is not None and replay.state == Replay.State.READY
    if replay is None or not (stream.is_live or is_ready):
        raise Conflict(
            _("Clips can be made of a live stream that is recorded, or of a replay that is ready."),
            code=LivestreamErrorCode.NO_VIDEO_TO_CLIP,
        )
    seconds = replay.duration_seconds if is_ready else stream.duration_seconds
    # Players round the length of a video.
    is_behind = end_seconds > (seconds or 0) + 1
    end_seconds = min(end_seconds, seconds or 0)
    if is_behind or end_seconds - start_seconds < CLIP_SECONDS_MIN:
        message = ngettext(
            "The video is only %(count)d second long.",
            "The video is only %(count)d seconds long.",
            round(seconds or 0),
        ) % {"count": round(seconds or 0)}
        raise ValidationFailed(details={"end_seconds": [message]})
    if Clip.objects.filter(stream=stream).count() >= settings.STREAM_CLIPS_MAX:
        raise Conflict(
            ngettext_lazy(
                "A stream can have %(limit)d clip. Delete one first.",
                "A stream can have %(limit)d clips. Delete one first.",
                "limit",
            ),
            params={"limit": settings.STREAM_CLIPS_MAX},
            code=LivestreamErrorCode.TOO_MANY_CLIPS,
        )
    clip = Clip.objects.create(
        stream=stream, start_seconds=start_seconds, end_seconds=end_seconds, title=title
    )
    _enqueue_clip(clip.pk)
    return clip


@transaction.atomic
def delete_clip(*, actor: User, stream_id: UUID, clip_id: UUID) -> None:
    """Delete a clip of the actor's own stream, and enqueue deleting its files. Raises NotFound, Forbidden."""
    stream = access.own_stream(actor, stream_id)
    clip = access.clip_of(stream, clip_id, user=actor)
    clip.delete()
    # After the job that makes it, which notices that the row is gone, or before which it never starts.
    enqueue(
        "livestream.delete_clip_files",
        lock=_job_lock(clip_id),
        public_id=stream.public_id,
        clip_id=str(clip_id),
    )


def make_clip(*, clip_id: UUID) -> Clip | None:
    """Make a clip's files; the job that calls it is repeated after an error, which is raised."""
    clip = Clip.objects.select_related("stream__replay").filter(pk=clip_id).first()
    if clip is None or clip.state != Clip.State.WAITING:
        return clip
    if _is_withdrawn(clip.stream):
        replay_files.withdraw(clip.stream.public_id)  # an attempt before may have saved some
        _save(clip, state=Clip.State.FAILED, error="the replay was withdrawn")
        return clip
    folder = Path(settings.MEDIA_ROOT) / "work" / f"clip-{clip.pk.hex}"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        _publish(clip, folder, _make_files(clip, folder))
    except clip_video.OutOfRange as error:
        _save(clip, state=Clip.State.FAILED, error=str(error))
    except (ffmpeg.FfmpegError, OSError) as error:
        attempts = clip.attempts + 1
        logger.error("clip %s of %s, attempt %s: %s", clip.pk, clip.stream.public_id, attempts, error)
        may_pass = isinstance(error, (ffmpeg.FfmpegInterrupted, OSError))
        is_last = attempts >= (INTERRUPTED_ATTEMPTS_MAX if may_pass else ATTEMPTS_MAX)
        state = Clip.State.FAILED if is_last else Clip.State.WAITING
        _save(clip, attempts=attempts, state=state, error=str(error)[:2000])
        if not is_last:
            raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return clip


def delete_clip_files(*, public_id: str, clip_id: UUID) -> None:
    """Delete the files of a deleted clip. Raises OSError."""
    names = addresses.clip_name(public_id, clip_id), addresses.clip_poster_name(public_id, clip_id)
    replay_files.delete(*names)
    for name in names:
        (recordings.withdrawn_folder(public_id) / name).unlink(missing_ok=True)


def resume_pending_clips() -> None:
    """Enqueue the waiting clips whose job was lost."""
    waiting = Clip.objects.filter(
        state=Clip.State.WAITING, updated_at__lt=database_now() - _RETRY_AFTER
    ).values_list("pk", "updated_at")
    for clip_id, updated_at in waiting:
        with transaction.atomic():
            # Of two workers the second one waits for the row, and then finds another time.
            unchanged = Clip.objects.filter(pk=clip_id, updated_at=updated_at)
            if not is_job_pending(lock=_job_lock(clip_id)) and unchanged.update(updated_at=Now()):
                _enqueue_clip(clip_id)


def _make_files(clip: Clip, folder: Path) -> float:
    """Write `clip.mp4` and `clip.jpg`; return the clip's length. Raises FfmpegError, OutOfRange, OSError."""
    public_id, target = clip.stream.public_id, folder / "clip.mp4"
    release_connection()
    recorded = recordings.of_stream(public_id)
    if recorded:
        clip_video.cut_recordings(recorded, target, start=clip.start_seconds, end=clip.end_seconds)
    else:
        clip_video.cut_replay(public_id, target, start=clip.start_seconds, end=clip.end_seconds)
    seconds = max(ffmpeg.track_lengths(target).values())
    ffmpeg.save_poster(target, folder / "clip.jpg", at=min(1.0, seconds / 2))
    return seconds


def _publish(clip: Clip, folder: Path, seconds: float) -> None:
    """Save a clip's files to the storage, unless it was deleted or withdrawn meanwhile."""
    public_id = clip.stream.public_id
    replay_files.save(folder / "clip.jpg", addresses.clip_poster_name(public_id, clip.pk))
    replay_files.save(folder / "clip.mp4", addresses.clip_name(public_id, clip.pk))
    # What was sent of a live stream is shorter than the stream by the time without an encoder.
    end_seconds = min(clip.end_seconds, round(clip.start_seconds + seconds, 3))
    made = {"duration_seconds": round(seconds, 3), "end_seconds": end_seconds}
    if not _save(clip, state=Clip.State.READY, error="", **made):
        delete_clip_files(public_id=public_id, clip_id=clip.pk)
    elif _is_withdrawn(clip.stream):
        replay_files.withdraw(public_id)


def _is_withdrawn(stream: Stream) -> bool:
    return Replay.objects.filter(stream=stream, state=Replay.State.WITHDRAWN).exists()


def _save(clip: Clip, **changes: object) -> bool:
    """Change a clip's row; return whether it still exists."""
    for name, value in changes.items():
        setattr(clip, name, value)
    return bool(Clip.objects.filter(pk=clip.pk).update(**changes, updated_at=Now()))


def _job_lock(clip_id: UUID) -> str:
    return f"livestream.clip:{clip_id}"


def _enqueue_clip(clip_id: UUID) -> None:
    enqueue("livestream.make_clip", lock=_job_lock(clip_id), clip_id=str(clip_id))
