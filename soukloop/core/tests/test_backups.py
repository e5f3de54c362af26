"""Backups: made while everything runs, checked before anything is written, restored with the same rows."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings as configured
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.tests.factories import make_user
from soukloop.core.backups import postgres, restoring
from soukloop.core.backups.checks import command_check, restore_checks
from soukloop.core.backups.manifest import digest_of
from soukloop.core.jobs.queue import enqueue

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def media(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    for name in ("uploads/avatars/a.jpg", "vods/s/replay.m3u8", "live/s/part.m4s", "incoming/u/0", "work/x"):
        path = settings.MEDIA_ROOT / name
        path.parent.mkdir(parents=True)
        path.write_text(f"contents of {name}")
    return settings.MEDIA_ROOT


@pytest.fixture
def backup(media: Path, tmp_path: Path) -> Path:
    make_user(username="layla", full_name="ليلى; DROP TABLE \\ 'x'")
    enqueue("core.delete_old_records")
    call_command("backup", str(tmp_path / "backup"))
    return tmp_path / "backup"


@pytest.fixture
def empty_database() -> Iterator[str]:
    """Create a database with nothing in it; yield its URL."""
    found = connection.settings_dict
    name = f"{found['NAME']}_restored"
    connect = {key.lower(): found[key] for key in ("USER", "PASSWORD", "HOST", "PORT") if found[key]}
    with psycopg.connect(dbname="postgres", autocommit=True, **connect) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        server.execute(f'CREATE DATABASE "{name}"')
        user = f"{found['USER']}:{found['PASSWORD']}@{found['HOST']}:{found['PORT']}"
        yield f"postgis://{user}/{name}"
        server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def restore(folder: Path, database: str, media: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", "restore", str(folder), *options],
        cwd=configured.BASE_DIR,
        env={**os.environ, "DATABASE_URL": database, "MEDIA_ROOT": str(media)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def rows_of(database: str, sql: str) -> list[Any]:
    with psycopg.connect(database.replace("postgis:", "postgresql:")) as restored:
        return restored.execute(sql).fetchall()


def test_a_backup_restores_the_same_rows_and_files_into_an_empty_database(
    backup: Path, empty_database: str, tmp_path: Path
) -> None:
    manifest = json.loads((backup / "manifest.json").read_text())
    assert set(manifest["files"]) == {
        "database.dump",
        "media/uploads/avatars/a.jpg",
        "media/vods/s/replay.m3u8",
    }
    assert (backup.stat().st_mode & 0o777, (backup / "database.dump").stat().st_mode & 0o777) == (
        0o700,
        0o600,
    )

    target = tmp_path / "restored"
    done = restore(backup, empty_database, target)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "Restored; all checks passed."

    users = "SELECT id, username, full_name, password FROM accounts_user"
    with connection.cursor() as cursor:
        cursor.execute(users)
        assert rows_of(empty_database, users) == cursor.fetchall() != []
    assert rows_of(empty_database, "SELECT task_name, status::text FROM procrastinate_jobs") == [
        ("core.delete_old_records", "todo")
    ]
    assert (target / "uploads/avatars/a.jpg").read_text() == "contents of uploads/avatars/a.jpg"
    assert sorted(path.name for path in target.iterdir()) == ["uploads", "vods"]

    again = restore(backup, empty_database, target)
    assert again.returncode == 1
    assert "has tables" in again.stderr

    with psycopg.connect(empty_database.replace("postgis:", "postgresql:")) as restored:
        restored.execute("DELETE FROM accounts_user")
        restored.execute("CREATE TABLE later_version (id int)")
    replaced = restore(backup, empty_database, target, "--replace")
    assert replaced.returncode == 0, replaced.stdout + replaced.stderr
    assert len(rows_of(empty_database, users)) == 1
    assert rows_of(empty_database, "SELECT to_regclass('later_version')") == [(None,)]


def damage_a_file(folder: Path) -> None:
    path = folder / "media/uploads/avatars/a.jpg"
    path.write_text(path.read_text().replace("contents", "contentz"))


def damage_the_dump(folder: Path) -> None:
    with (folder / "database.dump").open("r+b") as dump:
        dump.seek(4000)
        dump.write(b"damaged")


def cut_the_dump_short(folder: Path) -> None:
    os.truncate(folder / "database.dump", 5000)


def lose_a_file(folder: Path) -> None:
    (folder / "media/vods/s/replay.m3u8").unlink()


def damage_the_manifest(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"accounts_user": 1', '"accounts_user": 0'))


def lose_the_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_a_file, "a.jpg: its digest differs"),
        (damage_the_dump, "database.dump: its digest differs"),
        (cut_the_dump_short, "database.dump: 5000 bytes instead of"),
        (lose_a_file, "replay.m3u8: missing"),
        (damage_the_manifest, "manifest.json is damaged"),
        (lose_the_manifest, "is not a whole backup"),
    ],
)
def test_a_damaged_backup_is_refused_before_anything_is_written(
    backup: Path, media: Path, damage: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise AssertionError("the database was written")

    monkeypatch.setattr(postgres, "restore", refuse)
    before = postgres.row_counts()
    shutil.rmtree(media)
    damage(backup)
    with pytest.raises(CommandError, match=message):
        call_command("restore", str(backup), replace=True)
    assert not media.exists()
    assert postgres.row_counts() == before


def test_a_backup_of_another_version_is_refused(backup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restoring, "MigrationLoader", lambda *args, **kwargs: Loader())
    with pytest.raises(CommandError, match="this version doesn't know: accounts"):
        call_command("restore", str(backup), replace=True)


class Loader:
    disk_migrations: dict[Any, Any] = {}


def test_a_dump_that_fails_half_way_leaves_the_database_as_it_was(
    backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dump that is whole by its digest but that this server refuses."""
    before = postgres.row_counts()
    program = postgres._program

    def fail_at_the_end(name: str) -> str:
        if name != "pg_restore":
            return program(name)
        script = backup / "pg_restore"
        script.write_text(f'#!/bin/sh\n{program(name)} "$@"\necho "SELECT 1/0;"\n')
        script.chmod(0o700)
        return str(script)

    monkeypatch.setattr(postgres, "_program", fail_at_the_end)
    with pytest.raises(CommandError, match="The database is as it was"):
        call_command("restore", str(backup), replace=True)
    assert postgres.row_counts() == before


def test_a_backup_does_not_overwrite_another(backup: Path) -> None:
    before = digest_of(backup / "database.dump")
    with pytest.raises(CommandError, match="exists already"):
        call_command("backup", str(backup))
    assert digest_of(backup / "database.dump") == before


def test_checks_of_apps_run_at_the_end_and_fail_the_restore(
    backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restore_checks, "_callbacks", [lambda: ["the ledger differs by 1 fils"], list])
    monkeypatch.setattr(postgres, "restore", lambda path: None)
    with pytest.raises(CommandError, match="the ledger differs by 1 fils"):
        call_command("restore", str(backup), replace=True)


def test_a_check_by_a_command_fails_if_the_command_does() -> None:
    assert command_check("jobs", "--json")() == []
    (problem,) = command_check("restore", "/nonexistent")()
    assert problem.startswith("manage.py restore /nonexistent failed: ")
