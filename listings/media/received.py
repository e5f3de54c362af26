"""What was received of uploaded videos, in MEDIA_ROOT/incoming, which nobody is served."""

import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO
from uuid import UUID

from django.conf import settings

_READ_SIZE = 2**18


class BytesLost(Exception):
    """The file is shorter than what was acknowledged, or gone."""


def path_of(video_id: UUID) -> Path:
    return _folder() / video_id.hex


def create(video_id: UUID) -> None:
    """Make an empty file. Raises OSError."""
    _folder().mkdir(parents=True, exist_ok=True)
    path = path_of(video_id)
    path.touch()
    path.chmod(0o644)  # ffmpeg reads it under another account


def append(video_id: UUID, source: IO[bytes], *, offset: int, at_most: int) -> int:
    """Write what can be read to the file at `offset`, in place of anything behind it; return the bytes.

    They are on the disk when this returns. Reads one byte more than `at_most` at the end, and then returns a
    larger number, to show that there was more. Raises BytesLost, OSError.
    """
    written = 0
    try:
        file = path_of(video_id).open("r+b")
    except FileNotFoundError as error:
        raise BytesLost from error
    with file:
        if file.seek(0, os.SEEK_END) < offset:
            raise BytesLost
        file.seek(offset)
        file.truncate()  # what was written before a process was killed, and not acknowledged
        while chunk := source.read(min(_READ_SIZE, at_most - written + 1)):
            written += len(chunk)
            if written > at_most:
                break
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return written


def delete(video_id: UUID) -> None:
    """Delete the file, if there is one. Raises OSError."""
    path_of(video_id).unlink(missing_ok=True)


def ids_before(moment: datetime) -> Iterator[UUID]:
    """Yield the videos of whose files nothing was written since then."""
    for path in _folder().glob("*"):
        if path.stat().st_mtime < moment.timestamp():
            yield UUID(path.name)


def has_room_for(size: int) -> bool:
    """Return whether DISK_FREE_MIN_BYTES stay free when a file of this size has arrived."""
    _folder().mkdir(parents=True, exist_ok=True)
    return bool(shutil.disk_usage(_folder()).free - size > settings.DISK_FREE_MIN_BYTES)


def _folder() -> Path:
    return Path(settings.MEDIA_ROOT) / "incoming"
