"""The files of finished videos in the media storage, where uploads are, for everybody."""

from pathlib import Path
from uuid import UUID

from django.core.files.storage import default_storage

from soukloop.core.media.files import FinishedFile, StorageFailed, errors_of_storage

PLAYLIST = "index.m3u8"


def folder_of(owner_id: UUID, video_id: UUID) -> str:
    """Return the folder of a video; the second part is its owner, as of other uploads."""
    return f"videos/{owner_id}/{video_id.hex}"


def video_url(owner_id: UUID, video_id: UUID) -> str:
    return default_storage.url(f"{folder_of(owner_id, video_id)}/{PLAYLIST}")


def save(files: list[Path], folder: str) -> None:
    """Save finished local files, which are moved if the storage is local, in this order. Raises OSError.

    Those of an earlier attempt are replaced.
    """
    for path in files:
        name, size = f"{folder}/{path.name}", path.stat().st_size
        with errors_of_storage(f"saving {name}"), FinishedFile(path) as content:
            default_storage.delete(name)
            stored = default_storage.save(name, content)
            if stored != name or default_storage.size(name) != size:
                raise StorageFailed(f"{stored}: not {size} bytes as {name}")


def delete(folder: str) -> None:
    """Delete a video's folder, the playlist first. Raises OSError."""
    with errors_of_storage(f"deleting {folder}"):
        try:
            _, names = default_storage.listdir(folder)
        except FileNotFoundError:
            return
        for name in sorted(names, key=lambda each: each != PLAYLIST):
            default_storage.delete(f"{folder}/{name}")
        default_storage.delete(folder)  # in a bucket there is no such file
