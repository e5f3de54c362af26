"""The stored files of replays: saving, reading, moving them out of viewers' reach, and back."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from livestream.media import addresses, recordings
from soukloop.core.media.files import CONTENT_TYPES, FinishedFile, errors_of_storage

_READ_SIZE = 2**18


def save(path: Path, name: str) -> None:
    """Save a finished local file, which is moved if the storage is local. Raises OSError."""
    with errors_of_storage(f"saving {name}"), FinishedFile(path) as content:
        addresses.replay_storage().save(name, content)


def chunks(name: str) -> Iterator[bytes]:
    """Yield a file's contents. Raises OSError."""
    with errors_of_storage(f"reading {name}"), addresses.replay_storage().open(name) as file:
        while chunk := file.read(_READ_SIZE):
            yield chunk


def delete(*names: str) -> None:
    """Delete files that may exist. Raises OSError."""
    for name in names:
        with errors_of_storage(f"deleting {name}"):
            addresses.replay_storage().delete(name)


def public_ids() -> set[str]:
    """Return the streams that have files. Raises OSError."""
    with errors_of_storage("listing replays"):
        try:
            folders, files = addresses.replay_storage().listdir("")
        except FileNotFoundError:
            return set()
    names = {*folders, *(name.removesuffix(".m3u8") for name in files)}
    return {name for name in names if recordings.public_id_of(name) == name}


def withdraw(public_id: str) -> None:
    """Move all files of a stream to its withdrawn folder, the playlist first. Raises OSError.

    Of a file that exists in both places, the stored one is newer.
    """
    folder = recordings.withdrawn_folder(public_id)
    names = [addresses.playlist_name(public_id), *_names_in(public_id)]
    for name in names:
        with errors_of_storage(f"withdrawing {name}"):
            _move_out(name, folder / name)


def restore(public_id: str) -> bool:
    """Move the files in a stream's withdrawn folder back, the playlist last; return whether there were any.

    Raises OSError.
    """
    folder = recordings.withdrawn_folder(public_id)
    playlist = folder / addresses.playlist_name(public_id)
    others = [path for path in folder.rglob("*") if path.is_file() and path != playlist]
    for path in [*sorted(others), *([playlist] if playlist.exists() else [])]:
        if path.suffix in CONTENT_TYPES:
            save(path, str(path.relative_to(folder)))
    existed = folder.exists()
    shutil.rmtree(folder, ignore_errors=True)
    return existed


def _names_in(folder: str) -> list[str]:
    """Return the names of all files in a folder of the storage and in its folders."""
    with errors_of_storage(f"listing {folder}"):
        storage = addresses.replay_storage()
        try:
            folders, files = storage.listdir(folder)
        except FileNotFoundError:
            return []
    names = [f"{folder}/{name}" for name in files if name]
    return names + [name for inner in folders for name in _names_in(f"{folder}/{inner}")]


def _move_out(name: str, target: Path) -> None:
    storage = addresses.replay_storage()
    if not storage.exists(name):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        Path(storage.path(name)).replace(target)
    except NotImplementedError:  # a bucket
        unfinished = target.with_name(f"{target.name}.unfinished")
        with unfinished.open("wb") as copy:
            copy.writelines(chunks(name))
        unfinished.replace(target)
        storage.delete(name)
