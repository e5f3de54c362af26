"""The steps in which a replay is made: join the recordings, cut HLS, take a poster, publish, check."""

import json
import logging
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from livestream import events
from livestream.media import addresses, ffmpeg, recordings, replay_files, replay_video
from livestream.media.replay_sections import read_contents
from livestream.models import Replay
from livestream.notification_kinds import REPLAY_READY
from livestream.selectors.replays import expected_vod_url
from notifications.services.notify import notify
from soukloop.core.db.clock import database_now
from soukloop.core.db.release import release_connection

logger = logging.getLogger(__name__)

VIDEO = "video.mp4"
_NOTES = "notes.json"  # of the first step for the later ones
# In `Replay.error`: the next attempt copies nothing, because a copy would have the same errors.
VIDEO_HAS_ERRORS = "the video has errors: "
_WITHDRAWN_CHECK_SECONDS = 2.0


class ReplayWithdrawn(Exception):
    """The replay was withdrawn while it was being made."""


class UnusableRecordings(Exception):
    """No replay can be made of the recordings; `reason` is a Replay.Reason."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class VideoHasErrors(Exception):
    """The published video doesn't decode without errors, and its recordings are there."""

    def __init__(self, message: str, *, is_encoded_again: bool) -> None:
        super().__init__(message)
        self.is_encoded_again = is_encoded_again


def save_progress(replay: Replay, **changes: Any) -> None:
    """Change a replay's row, unless it was withdrawn; raises ReplayWithdrawn."""
    unless_withdrawn = Replay.objects.filter(pk=replay.pk).exclude(state=Replay.State.WITHDRAWN)
    if not unless_withdrawn.update(**changes, updated_at=Now()):
        raise ReplayWithdrawn
    for name, value in changes.items():
        setattr(replay, name, value)


def join_recordings(replay: Replay, folder: Path) -> None:
    """Join the recordings to one MP4, and save when each part was broadcast. Raises UnusableRecordings."""
    release_connection()
    contents = read_contents(recordings.of_stream(replay.stream.public_id))
    if not contents.pieces:
        if contents.unsupported:
            raise UnusableRecordings(Replay.Reason.UNSUPPORTED_CODEC, ", ".join(contents.unsupported))
        if contents.broken:
            raise UnusableRecordings(Replay.Reason.RECORDING_UNREADABLE, "\n".join(contents.broken))
        save_progress(replay, state=Replay.State.EMPTY, progress=100)
        return
    if contents.picture_at is None and _was_refused(replay):
        raise UnusableRecordings(Replay.Reason.UNSUPPORTED_CODEC, "only sound could be recorded")
    encodes_all = replay.error.startswith(VIDEO_HAS_ERRORS)
    replay_video.join(contents.pieces, folder / VIDEO, encodes_all=encodes_all)
    notes = {
        "pictureAt": contents.picture_at,
        "problems": contents.broken + contents.unsupported,
        "isEncodedAgain": encodes_all,
    }
    (folder / _NOTES).write_text(json.dumps(notes))
    save_progress(replay, parts=contents.parts, duration_seconds=contents.milliseconds / 1000)


def _was_refused(replay: Replay) -> bool:
    refused = Replay.Reason.UNSUPPORTED_CODEC
    return replay.stream.publisher_connections.filter(refusal=refused).exists()


def create_segments(replay: Replay, folder: Path) -> None:
    ffmpeg.segment(folder / VIDEO, folder / "hls", prefix=f"{replay.stream.public_id}/")


def create_poster(replay: Replay, folder: Path) -> None:
    """Save a picture of the video, unless the encoder sent none."""
    picture_at = _notes(folder)["pictureAt"]
    if picture_at is not None:
        ffmpeg.save_poster(folder / VIDEO, folder / "poster.jpg", at=picture_at)
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
            kind=REPLAY_READY,
            params={"stream": stream.title},
            data={"stream_id": str(stream.pk)},
        )


def _upload_files(replay: Replay, folder: Path) -> None:
    """Save the files to the storage, the playlist last, so that everything it lists can be fetched.

    Local storage moves the files, so a job that resumes saves only the remaining ones.
    """
    public_id = replay.stream.public_id
    segments = sorted(path for path in (folder / "hls").glob("*") if path.suffix != ".m3u8")
    files = [(path, f"{public_id}/{path.name}") for path in segments]
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
    """Decode the published video from start to end; what couldn't be read of recordings is kept.

    Raises VideoHasErrors.
    """
    public_id = replay.stream.public_id
    name = addresses.mp4_name(public_id)
    video = _until_withdrawn(replay, replay_files.chunks(name))
    found = ffmpeg.decode_errors(video, folder=folder, seconds=replay.duration_seconds or 0)
    notes = _notes(folder)
    if found and recordings.of_stream(public_id):
        raise VideoHasErrors(found, is_encoded_again=notes.get("isEncodedAgain", False))
    errors = "\n".join([*notes["problems"], *([found] if found else [])])
    if errors:
        logger.error("replay of %s has errors, its recordings are kept: %s", public_id, errors)
        save_progress(replay, error=errors[:2000])
    else:
        save_progress(replay, checked_at=database_now(), error="")


def empty_folder(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


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


def _notes(folder: Path) -> dict[str, Any]:
    """Return what joining the recordings noted; nothing if the folder is a new one."""
    path = folder / _NOTES
    notes: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"problems": []}
    return notes
