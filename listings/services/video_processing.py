"""Making what viewers watch of an uploaded video."""

import logging
import shutil
import time
from functools import partial
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from listings.events import publish_video_progress
from listings.media import received, stored, transcoding
from listings.models import VideoUpload
from soukloop.core.db.release import release_connection
from soukloop.core.errors import Unavailable
from soukloop.core.images import store_picture
from soukloop.core.media.sandbox import FfmpegError

logger = logging.getLogger(__name__)

_ATTEMPTS_MAX = 4  # of a video with which workers are killed, or ffmpeg is
_PROGRESS_SECONDS = 2.0  # between two events


class VideoDeleted(Exception):
    """Its row is gone."""


def process_video(*, video_id: UUID, owner_id: UUID) -> None:
    """Make HLS and a poster of a complete video; the job that calls it is repeated after an error.

    What was received is deleted once everything that was made is in the storage. A job that was killed begins
    again.
    """
    try:
        video = _begin(video_id)
        if video is not None:
            _process(video)
    except VideoDeleted:
        delete_video_files(video_id=video_id, owner_id=owner_id)


def delete_video_files(*, video_id: UUID, owner_id: UUID) -> None:
    """Delete the files of a video that has no row any more. Raises OSError."""
    received.delete(video_id)
    stored.delete(stored.folder_of(owner_id, video_id))


@transaction.atomic
def _begin(video_id: UUID) -> VideoUpload | None:
    """Take a video that is to be processed; raises VideoDeleted."""
    video = VideoUpload.objects.select_for_update().filter(pk=video_id).first()
    if video is None:
        raise VideoDeleted
    if video.state == VideoUpload.State.READY:
        # The job before was killed between the end of its work and this.
        transaction.on_commit(partial(received.delete, video_id), robust=True)
    if video.state not in (VideoUpload.State.WAITING, VideoUpload.State.PROCESSING):
        return None
    if video.attempts >= _ATTEMPTS_MAX:
        _fail(video, VideoUpload.Reason.PROCESSING_FAILED, video.error)
        return None
    video.state, video.progress = VideoUpload.State.PROCESSING, 0
    video.attempts += 1
    video.save(update_fields=["state", "progress", "attempts", "updated_at"])
    publish_video_progress(video)
    return video


def _process(video: VideoUpload) -> None:
    folder = Path(settings.MEDIA_ROOT) / "work" / f"video-{video.pk.hex}"
    shutil.rmtree(folder, ignore_errors=True)  # of a job that was killed
    folder.mkdir(parents=True)
    release_connection()
    try:
        original = received.path_of(video.pk)
        if not original.exists():
            raise transcoding.VideoRefused(VideoUpload.Reason.PROCESSING_FAILED, "the upload is lost")
        source = transcoding.read_source(original)
        made = transcoding.make(original, source, folder, report=_Reporter(video))
        storage_folder = stored.folder_of(video.owner_id, video.pk)
        stored.save(made.files[:-1], storage_folder)
        poster = store_picture(made.poster.read_bytes(), folder=storage_folder)
        stored.save(made.files[-1:], storage_folder)  # the playlist of playlists
        _finish(video, duration_seconds=round(made.seconds, 3), poster=poster.name)
    except transcoding.VideoRefused as refusal:
        logger.info("video %s refused: %s", video.pk, refusal)
        with transaction.atomic():
            _fail(_locked(video), VideoUpload.Reason(refusal.reason), str(refusal))
    except (OSError, Unavailable) as error:  # the storage, or the disk: not the video's fault
        _save(video, attempts=video.attempts - 1, error=str(error)[:2000])
        raise
    except FfmpegError as error:
        logger.error("video %s, attempt %s: %s", video.pk, video.attempts, error)
        _save(video, error=str(error)[:2000])
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Reporter:
    """Saves how far the processing is, and tells the owner, from time to time."""

    def __init__(self, video: VideoUpload) -> None:
        self._video, self._at = video, time.monotonic()

    def __call__(self, percent: int) -> None:
        if percent <= self._video.progress or time.monotonic() - self._at < _PROGRESS_SECONDS:
            return
        self._at = time.monotonic()
        with transaction.atomic():
            _save(self._video, progress=percent)
            publish_video_progress(self._video)
        release_connection()


@transaction.atomic
def _finish(video: VideoUpload, *, duration_seconds: float, poster: str) -> None:
    locked = _locked(video)
    locked.state, locked.progress, locked.error = VideoUpload.State.READY, 100, ""
    locked.duration_seconds, locked.poster = duration_seconds, poster
    locked.attempts = 0
    locked.save()
    publish_video_progress(locked)
    transaction.on_commit(partial(received.delete, video.pk), robust=True)


def _fail(video: VideoUpload, reason: VideoUpload.Reason, error: str) -> None:
    """Give a locked video up, in a transaction."""
    video.state, video.reason, video.error = VideoUpload.State.FAILED, reason, error[:2000]
    video.attempts = 0  # counts those of a processing that has not ended
    video.save(update_fields=["state", "reason", "error", "attempts", "updated_at"])
    publish_video_progress(video)
    transaction.on_commit(partial(received.delete, video.pk), robust=True)


def _locked(video: VideoUpload) -> VideoUpload:
    locked = VideoUpload.objects.select_for_update().filter(pk=video.pk).first()
    if locked is None:
        raise VideoDeleted
    return locked


def _save(video: VideoUpload, **changes: object) -> None:
    """Change a video's row; raises VideoDeleted."""
    if not VideoUpload.objects.filter(pk=video.pk).update(**changes, updated_at=Now()):
        raise VideoDeleted
    for name, value in changes.items():
        setattr(video, name, value)
