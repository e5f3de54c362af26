"""The media server's recordings: one FLV file for each connection of an encoder."""

import re
from pathlib import Path

from django.conf import settings

_PUBLIC_ID = re.compile(r"stream_[0-9a-f]+")


def folder() -> Path:
    return Path(settings.MEDIA_ROOT) / "recordings"


def of_stream(public_id: str) -> list[Path]:
    """Return a stream's recordings, oldest first; their names end with the Unix time of their start."""
    return sorted(folder().glob(f"{public_id}-*.flv"))


def by_stream() -> dict[str, list[Path]]:
    """Return public id → its recordings, oldest first."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder().glob("*.flv")):
        if public_id := public_id_of(path.name):
            found.setdefault(public_id, []).append(path)
    return found


def started_at(recording: Path) -> float:
    """Return the Unix time at which a recording began, to the second."""
    return float(recording.stem.rpartition("-")[2])


def public_id_of(path: str) -> str | None:
    """Return the public id of a recording's stream; None for a file that isn't a recording."""
    found = _PUBLIC_ID.match(Path(path).name)
    return found.group() if found else None


def withdrawn_folder(public_id: str) -> Path:
    """Return the folder, which is not served, of the files of a stream's withdrawn replay."""
    return Path(settings.MEDIA_ROOT) / "withdrawn" / public_id


def work_folder(public_id: str) -> Path:
    """Return the folder of the temporary files of a stream's replay."""
    return Path(settings.MEDIA_ROOT) / "work" / public_id


def delete(public_id: str) -> None:
    """Delete all recordings of a stream."""
    for path in of_stream(public_id):
        path.unlink(missing_ok=True)
