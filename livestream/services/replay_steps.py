"""The steps in which a replay is made: join the recordings, cut HLS, take a poster, publish, check."""

import logging
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from livestream import events
from livestream.media import addresses, ffmpeg, recordings, replay_files
from livestream.models import Replay
from livestream.selectors.replays import expected_vod_url
from notifications.services import notify
from soukloop.core.db.clock import database_now
from soukloop.core.db.release import release_connection

logger = logging.getLogger(__name__)

VIDEO = "video.mp4"
_WITHDRAWN_CHECK_SECONDS = 2.0


class ReplayWithdrawn(Exception):
    """The replay was withdrawn while it was being made."""


class UnusableRecordings(Exception):
    """No replay can be made of the recordings; `reason` is a Replay.Reason."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def save_progress(replay: Replay, **changes: Any) -> None:
    """Change a replay's row, unless it was withdrawn; raises ReplayWithdrawn."""
    unless_withdrawn = Replay.objects.filter(pk=replay.pk).exclude(state=Replay.State.WITHDRAWN)
    if not unless_withdrawn.update(**changes, updated_at=Now()):
        raise ReplayWithdrawn
    for name, value in changes.items():
        setattr(replay, name, value)


def join_recordings(replay: Replay, folder: Path) -> None:
    """Join the recordings to one MP4, and save the start and length of each. Raises UnusableRecordings."""
    usable: list[Path] = []
    parts = []
    errors = []
    found = recordings.of_stream(replay.stream.public_id)
    for number, recording in enumerate(found):
        if recording.stat().st_size <= recordings.EMPTY_BYTES_MAX:
            continue
        part = folder / f"part-{number}.mp4"
        try:
            ffmpeg.mux(_chunks(recording), part)
            seconds = ffmpeg.probe(part).seconds
        except ffmpeg.FfmpegInterrupted:
            raise
        except ffmpeg.FfmpegError as error:
            errors.append(f"{recording.name}: {error}")
            continue
        usable.append(part)
        # The media server writes each frame as it arrives, so the file was modified at its last frame.
        parts.append({"startedAt": round(recording.stat().st_mtime - seconds, 3), "seconds": seconds})
    if errors:
        raise UnusableRecordings(Replay.Reason.RECORDING_UNREADABLE, "\n".join(errors))
    if not usable:
        save_progress(replay, state=Replay.State.EMPTY, progress=100)
        return
    video = folder / VIDEO
    if len(usable) == 1:
        usable[0].replace(video)
    else:
        ffmpeg.join(usable, video)
    save_progress(replay, parts=parts, duration_seconds=ffmpeg.probe(video).seconds)


def create_segments(replay: Replay, folder: Path) -> None:
    ffmpeg.segment(folder / VIDEO, folder / "hls", prefix=f"{replay.stream.public_id}/")


def create_poster(replay: Replay, folder: Path) -> None:
    video = folder / VIDEO
    if ffmpeg.probe(video).has_video:
        ffmpeg.save_poster(video, folder / "poster.jpg", at=min(3.0, (replay.duration_seconds or 0) / 2))
        save_progress(replay, has_poster=True)


def publish(replay: Replay, folder: Path) -> None:
    """Save the files to the storage, and tell the room and the seller. Raises ReplayWithdrawn."""
    _upload_files(replay, folder)
    with transaction.atomic():
        save_progress(
            replay, state=Replay.State.READY, step=Replay.Step.PUBLISH, progress=100, error="", attempts=0
        )
        stream = replay.stream
        events.publish_replay_ready(stream, state=replay.state, vod_url=expected_vod_url(stream, None))
        notify(
            user_ids=[stream.seller_id],
            kind="replay_ready",
            title="Your replay is ready",
            body=stream.title,
            data={"streamId": str(stream.pk)},
            collapse_key=f"replay:{stream.pk}",
        )


def _upload_files(replay: Replay, folder: Path) -> None:
    """Save the files to the storage, the playlist last, so that everything it lists can be fetched.

    Local storage moves the files, so a job that resumes saves only the remaining ones.
    """
    public_id = replay.stream.public_id
    files = [(path, f"{public_id}/{path.name}") for path in sorted((folder / "hls").glob("*.ts"))]
    files += [
        (folder / VIDEO, addresses.mp4_name(public_id)),
        (folder / "poster.jpg", addresses.poster_name(public_id)),
        (folder / "hls" / "index.m3u8", addresses.playlist_name(public_id)),
    ]
    for path, name in files:
        if not path.exists():
            continue
        _raise_if_withdrawn(replay)
        replay_files.save(path, name)


def check_video(replay: Replay, folder: Path) -> None:
    """Decode the published video from start to end; if there are errors, the recordings are kept."""
    name = addresses.mp4_name(replay.stream.public_id)
    video = _until_withdrawn(replay, replay_files.chunks(name))
    errors = ffmpeg.decode_errors(video, folder=folder, seconds=replay.duration_seconds or 0)
    if errors:
        logger.error("replay of %s has errors, its recordings are kept: %s", replay.stream.public_id, errors)
        save_progress(replay, error=errors[:2000])
    else:
        save_progress(replay, checked_at=database_now(), error="")


def delete_temporary_files(replay: Replay, folder: Path) -> None:
    """Delete what a finished replay doesn't need: its folder, and the recordings once it was checked."""
    shutil.rmtree(folder, ignore_errors=True)
    if replay.checked_at or replay.state == Replay.State.EMPTY:
        recordings.delete(replay.stream.public_id)


def _until_withdrawn(replay: Replay, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the chunks; raises ReplayWithdrawn within seconds after a withdrawal."""
    checked_at = time.monotonic()
    for chunk in chunks:
        if time.monotonic() - checked_at > _WITHDRAWN_CHECK_SECONDS:
            _raise_if_withdrawn(replay)
            release_connection()
            checked_at = time.monotonic()
        yield chunk


def _raise_if_withdrawn(replay: Replay) -> None:
    if Replay.objects.filter(pk=replay.pk, state=Replay.State.WITHDRAWN).exists():
        raise ReplayWithdrawn


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(2**18):
            yield chunk
