"""What a backup says of itself, `manifest.json`: versions, rows, and the digest of each file."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from django.conf import settings

FORMAT = 1
DUMP = "database.dump"
_MANIFEST, _DIGEST = "manifest.json", "manifest.json.sha256"
_CHUNK = 2**20


class BackupError(Exception):
    """A backup can't be made, or isn't fit to be restored; the text says why."""


@dataclass(frozen=True)
class Manifest:
    """The contents of `manifest.json`."""

    format: int
    made_at: str
    app_version: str
    postgresql: int
    """As PostgreSQL's `server_version_num`."""

    migrations: Mapping[str, list[str]]
    """App label → names of its applied migrations."""

    rows: Mapping[str, int]
    """Table → number of rows in the dump."""

    files: Mapping[str, tuple[int, str]]
    """Path in the backup → size in bytes and SHA-256."""

    keys: list[str]
    """Digests of SECRET_KEY and its fallbacks, to recognize them at a restore."""

    media_storage: str


def write_manifest(folder: Path, manifest: Manifest) -> None:
    text = json.dumps(asdict(manifest), indent=1, sort_keys=True).encode()
    (folder / _MANIFEST).write_bytes(text)
    (folder / _DIGEST).write_text(hashlib.sha256(text).hexdigest() + "\n")


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a backup; raises BackupError if it is damaged or of another format."""
    try:
        text = (folder / _MANIFEST).read_bytes()
        digest = (folder / _DIGEST).read_text().strip()
    except OSError as error:
        raise BackupError(f"{folder} is not a whole backup: {error}") from error
    if not hmac.compare_digest(hashlib.sha256(text).hexdigest(), digest):
        raise BackupError(f"{_MANIFEST} is damaged: its digest differs.")
    values = json.loads(text)
    if values.get("format") != FORMAT:
        raise BackupError(f"This backup has format {values.get('format')}; this version reads {FORMAT}.")
    return Manifest(**values)


def check_files(folder: Path, manifest: Manifest) -> None:
    """Read each file of a backup; raise BackupError with those that are missing, damaged or not allowed."""
    problems = []
    for name, (size, digest) in manifest.files.items():
        path = folder / name
        parts = PurePosixPath(name).parts
        if name.startswith("/") or ".." in parts or not (name == DUMP or parts[0] == "media"):
            problems.append(f"{name}: not a path of a backup")
        elif not path.is_file() or path.is_symlink():
            problems.append(f"{name}: missing")
        elif path.stat().st_size != size:
            problems.append(f"{name}: {path.stat().st_size} bytes instead of {size}")
        elif digest_of(path) != digest:
            problems.append(f"{name}: its digest differs")
    if DUMP not in manifest.files:
        problems.append(f"{DUMP}: not in the manifest")
    if problems:
        more = f"\nand {len(problems) - 20} more" if len(problems) > 20 else ""
        raise BackupError("The backup is damaged:\n" + "\n".join(problems[:20]) + more)


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy_with_digest(source: Path, target: Path) -> tuple[int, str]:
    """Copy a file into a new one that only its owner may read; return the size and SHA-256 of the copy."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as read, target.open("xb") as written:
        while chunk := read.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            written.write(chunk)
    return size, digest.hexdigest()


def key_digests() -> list[str]:
    """Return short digests of SECRET_KEY and its fallbacks, from which no key can be found."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return [hmac.digest(key.encode(), b"core.backups.key", "sha256").hex()[:16] for key in keys]
