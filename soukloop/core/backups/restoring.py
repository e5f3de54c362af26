"""Restoring a backup: everything is checked before anything is written."""

import shutil
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from soukloop.core.backups import postgres
from soukloop.core.backups.checks import restore_checks
from soukloop.core.backups.manifest import (
    DUMP,
    BackupError,
    Manifest,
    check_files,
    key_digests,
    read_manifest,
)


def restore_backup(folder: Path, *, replace: bool, report: Callable[[str], object]) -> list[str]:
    """Restore a backup and return what the checks at its end found wrong.

    Raises BackupError, and then the database is as it was. `replace` allows a database with tables, which are
    dropped, and files that are there, which are overwritten.
    """
    report("Checking the backup")
    manifest = read_manifest(folder)
    check_files(folder, manifest)
    _check_versions(manifest)
    postgres.check_dump(folder / DUMP)
    media = {name: folder / name for name in manifest.files if name != DUMP}
    if not replace:
        _check_target_is_empty(media)
    if not set(manifest.keys) & set(key_digests()):
        report(
            "WARNING: this backup was made with another SECRET_KEY. Without it encrypted fields can't be"
            " read, and stream keys and logins are void: set it, or add it to SECRET_KEY_FALLBACKS."
        )

    report(f"Copying {len(media)} media files")
    for name, path in media.items():
        _copy_whole(path, _target(name))
    report("Restoring the database")
    postgres.restore(folder / DUMP)
    problems = _compare_rows(manifest)
    report("Applying later migrations")
    call_command("migrate", interactive=False, verbosity=0)
    report("Checking what was restored")
    for found in restore_checks():
        problems += found
    return problems


def _check_versions(manifest: Manifest) -> None:
    if postgres.server_version() // 10000 < manifest.postgresql // 10000:
        raise BackupError(
            f"The backup is of PostgreSQL {manifest.postgresql // 10000}, and this server is older."
        )
    known = MigrationLoader(None)
    ours = set(known.disk_migrations)
    replaced = {name for migration in known.disk_migrations.values() for name in migration.replaces}
    unknown = [
        f"{app}.{name}"
        for app, names in manifest.migrations.items()
        for name in names
        if (app, name) not in ours | replaced
    ]
    if unknown:
        raise BackupError(
            f"The backup is of version {manifest.app_version}, with migrations that this version doesn't"
            f" know: {', '.join(unknown)}. Restore it with that version."
        )


def _check_target_is_empty(media: dict[str, Path]) -> None:
    if not postgres.is_empty():
        raise BackupError(
            f"The database {connection.settings_dict['NAME']} has tables. Restore into an empty one, or say"
            " --replace to drop everything in it."
        )
    present = next((name for name in media if _target(name).exists()), None)
    if present:
        raise BackupError(
            f"{_target(present)} exists. Restore with an empty MEDIA_ROOT, or say --replace to overwrite it."
        )


def _target(name: str) -> Path:
    return Path(settings.MEDIA_ROOT) / Path(name).relative_to("media")


def _copy_whole(source: Path, target: Path) -> None:
    """Copy a file so that the media server never sees a part of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.restoring")
    shutil.copyfile(source, draft)
    draft.replace(target)


def _compare_rows(manifest: Manifest) -> list[str]:
    counts = postgres.row_counts()
    return [
        f"{table}: {counts.get(table)} rows were restored instead of {manifest.rows.get(table)}"
        for table in sorted(counts.keys() | manifest.rows.keys())
        if counts.get(table) != manifest.rows.get(table)
    ]
