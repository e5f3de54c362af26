"""Making a backup while everything runs."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from soukloop import __version__
from soukloop.core.backups import postgres
from soukloop.core.backups.manifest import (
    DUMP,
    FORMAT,
    BackupError,
    Manifest,
    copy_with_digest,
    digest_of,
    key_digests,
    write_manifest,
)

# Of MEDIA_ROOT: what the packager makes of recordings again, work files, and unfinished uploads, which
# clients send again.
NOT_BACKED_UP = {"live", "work", "incoming"}


def make_backup(folder: Path, *, report: Callable[[str], object]) -> Manifest:
    """Write a backup into a new folder, which appears once it is whole; raises BackupError.

    The rows are those of one moment. Files are copied after it: a file is stored before its row is committed
    and deleted after, so that each row of the dump finds its file.
    """
    if folder.exists():
        raise BackupError(f"{folder} exists already.")
    draft = folder.with_name(f".{folder.name}.unfinished")
    if draft.exists():
        shutil.rmtree(draft)  # of an attempt that was interrupted
    draft.mkdir(mode=0o700, parents=True)
    report("Dumping the database")
    rows, migrations = _dump(draft / DUMP)
    files = {DUMP: ((draft / DUMP).stat().st_size, digest_of(draft / DUMP))}
    report("Copying the media files")
    files |= dict(_copy_media(draft / "media"))
    manifest = Manifest(
        format=FORMAT,
        made_at=timezone.now().isoformat(timespec="seconds"),
        app_version=__version__,
        postgresql=postgres.server_version(),
        migrations=migrations,
        rows=rows,
        files=files,
        keys=key_digests(),
        media_storage=settings.STORAGES["default"]["BACKEND"],
    )
    write_manifest(draft, manifest)
    draft.rename(folder)
    return manifest


def _dump(target: Path) -> tuple[dict[str, int], dict[str, list[str]]]:
    """Dump the database; return the row counts and migrations of the same moment."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        cursor.execute("SELECT pg_export_snapshot()")
        postgres.dump(target, snapshot=cursor.fetchone()[0])
        target.chmod(0o600)
        migrations: dict[str, list[str]] = {}
        for app, name in sorted(MigrationRecorder(connection).applied_migrations()):
            migrations.setdefault(app, []).append(name)
        return postgres.row_counts(), migrations


def _copy_media(target: Path) -> Iterator[tuple[str, tuple[int, str]]]:
    root = Path(settings.MEDIA_ROOT)
    folders = (
        sorted(path for path in root.iterdir() if path.name not in NOT_BACKED_UP) if root.exists() else []
    )
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_symlink() or not path.is_file():
                continue
            name = path.relative_to(root)
            try:
                yield f"media/{name.as_posix()}", copy_with_digest(path, target / name)
            except FileNotFoundError:  # deleted since the folder was listed
                continue
