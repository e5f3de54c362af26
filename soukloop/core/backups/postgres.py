"""PostgreSQL's own programs, for the database that DATABASE_URL names."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from django.db import connection

from soukloop.core.backups.manifest import BackupError

_VARIABLES = {
    "NAME": "PGDATABASE",
    "USER": "PGUSER",
    "PASSWORD": "PGPASSWORD",
    "HOST": "PGHOST",
    "PORT": "PGPORT",
}

# What the migrations make in the schema: everything but what extensions brought.
_OWN_OBJECTS = """
    SELECT format('DROP %s IF EXISTS %s CASCADE', kind, name) FROM (
        SELECT CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
                   ELSE 'TABLE' END AS kind,
               oid::regclass::text AS name, 'pg_class'::regclass AS class, oid AS object
        FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
        UNION ALL
        SELECT CASE prokind WHEN 'a' THEN 'AGGREGATE' WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END,
               oid::regprocedure::text, 'pg_proc'::regclass, oid
        FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION ALL
        SELECT CASE typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END,
               oid::regtype::text, 'pg_type'::regclass, oid
        FROM pg_type WHERE typnamespace = 'public'::regnamespace AND (
            typtype IN ('e', 'd', 'r') OR EXISTS (SELECT FROM pg_class WHERE oid = typrelid AND relkind = 'c')
        )
        UNION ALL
        SELECT 'TEXT SEARCH CONFIGURATION', oid::regconfig::text, 'pg_ts_config'::regclass, oid
        FROM pg_ts_config WHERE cfgnamespace = 'public'::regnamespace
        UNION ALL
        SELECT 'TEXT SEARCH DICTIONARY', oid::regdictionary::text, 'pg_ts_dict'::regclass, oid
        FROM pg_ts_dict WHERE dictnamespace = 'public'::regnamespace
    ) own
    WHERE NOT EXISTS (
        SELECT FROM pg_depend
        WHERE classid = class AND objid = object AND deptype IN ('e', 'i')
    )
    ORDER BY kind <> 'TABLE'
"""


def row_counts() -> dict[str, int]:
    """Return how many rows each table has that no extension brought."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
            " AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass"
            "  AND objid = pg_class.oid AND deptype = 'e') ORDER BY relname"
        )
        counts = {}
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(table)}")  # noqa: S608
            counts[table] = cursor.fetchone()[0]
        return counts


def server_version() -> int:
    """Return PostgreSQL's `server_version_num`."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        return int(cursor.fetchone()[0])


def is_empty() -> bool:
    """Return whether the database has no tables but those of extensions."""
    return not row_counts()


def dump(target: Path, *, snapshot: str) -> None:
    """Write a dump of what a snapshot sees; raises BackupError."""
    argv = ["--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}", f"--file={target}"]
    _run("pg_dump", *argv)


def check_dump(path: Path) -> None:
    """Read the whole dump without writing anything; raises BackupError if pg_restore can't."""
    _run("pg_restore", "--file=/dev/null", str(path))


def restore(path: Path) -> None:
    """Replace everything in the database by a dump, in one transaction; raises BackupError, changing nothing.

    pg_restore's own --single-transaction can't drop what only the present database has, so its output is sent
    through one psql, which commits only after pg_restore has ended well.
    """
    with connection.cursor() as cursor:
        cursor.execute(_OWN_OBJECTS)
        drops = [statement for (statement,) in cursor.fetchall()]
    connection.close()
    options = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null"]
    reading = ["--no-owner", "--no-privileges", "--no-comments", "--file=-", str(path)]
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            [_program("psql"), *options], stdin=subprocess.PIPE, stderr=errors, env=_env()
        ) as sql,
        subprocess.Popen(
            [_program("pg_restore"), *reading], stdout=subprocess.PIPE, stderr=errors, env=_env()
        ) as script,
    ):
        assert sql.stdin is not None
        assert script.stdout is not None
        is_whole = False
        try:
            sql.stdin.write(";\n".join(["SET client_min_messages = warning", "BEGIN", *drops, ""]).encode())
            shutil.copyfileobj(script.stdout, sql.stdin, 2**20)
            is_whole = script.wait() == 0
            sql.stdin.write(b"\nCOMMIT;\n" if is_whole else b"\nROLLBACK;\n")
            sql.stdin.close()
        except BrokenPipeError:  # psql has ended after an error
            script.kill()
        if sql.wait() or not is_whole:
            errors.seek(0)
            message = errors.read().decode(errors="replace").strip()
            raise BackupError(f"The database is as it was, because the dump could not be restored: {message}")


def _run(program: str, *argv: str) -> None:
    done = subprocess.run([_program(program), *argv], env=_env(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise BackupError(f"{program} failed: {done.stderr.strip()}")


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise BackupError(f"{name} is not installed; it comes with the package postgresql-client.")
    return path


def _env() -> dict[str, str]:
    """The environment that leads the programs to the database; a password in an argument could be read."""
    chosen = {
        variable: str(connection.settings_dict[setting])
        for setting, variable in _VARIABLES.items()
        if connection.settings_dict[setting]
    }
    return {**os.environ, **chosen, "PGCONNECT_TIMEOUT": "10"}
