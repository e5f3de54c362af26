"""The export of what is stored about a person, of which each app declares its tables.

An app's module `personal_data` has `TABLES`, and `NOT_EXPORTED` with a reason for each other table that
refers to people. A table's columns are named one by one: nothing that somebody else wrote or that
only others may know, no secret, no other person's contact.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from uuid import UUID

from django.contrib.gis.geos import Point
from django.db import connection, transaction
from django.db.models import Model, Q

from soukloop.core import jsonlib
from soukloop.core.domain import domain_apps, import_submodule


@dataclass(frozen=True)
class PersonalTable:
    """Rows about a person, as one list of the export."""

    name: str
    """The list's name, such as `messages_sent`."""

    model: type[Model]

    of_person: Callable[[UUID], Q]
    """Which rows are about the person with this id."""

    columns: tuple[str, ...]
    """Fields, also of related rows (`product__title`)."""

    def rows(self, user_id: UUID) -> Iterator[dict[str, Any]]:
        rows = (
            self.model._default_manager.filter(self.of_person(user_id)).order_by("pk").values(*self.columns)
        )
        for row in rows.iterator(chunk_size=2000):
            yield {name.replace("__", "_"): _plain(value) for name, value in row.items()}


def owned_by(column: str) -> Callable[[UUID], Q]:
    """Return a condition for rows whose column refers to the person."""
    return lambda user_id: Q(**{column: user_id})


def personal_tables() -> list[PersonalTable]:
    """Return the tables of all apps, lower apps first."""
    modules = (import_submodule(app, "personal_data") for app in domain_apps())
    return [table for module in modules if module for table in module.TABLES]


def tables_not_exported() -> Mapping[type[Model], str]:
    """Return the models that refer to people and aren't exported, each with the reason."""
    modules = [import_submodule(app, "personal_data") for app in domain_apps()]
    return {model: why for module in modules for model, why in getattr(module, "NOT_EXPORTED", {}).items()}


def export_person(user_id: UUID, path: Path) -> dict[str, int]:
    """Write everything about a person, as of one moment, into a new JSON file that only its owner may read.

    Returns how many rows each list has; raises FileExistsError.
    """
    path.touch(mode=0o600, exist_ok=False)
    with path.open("wb") as file, transaction.atomic(), connection.cursor() as cursor:
        if not connection.savepoint_ids:  # else this is part of a transaction that has begun before
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET LOCAL statement_timeout = 0")
        return _write(user_id, file)


def _write(user_id: UUID, file: IO[bytes]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for table in personal_tables():
        file.write(b",\n" if counts else b"{\n")
        file.write(jsonlib.dumps(table.name) + b": [")
        count = 0
        for row in table.rows(user_id):
            file.write((b",\n  " if count else b"\n  ") + jsonlib.dumps(row))
            count += 1
        file.write(b"]")
        counts[table.name] = count
    file.write(b"\n}\n")
    return counts


def _plain(value: Any) -> Any:
    return {"longitude": value.x, "latitude": value.y} if isinstance(value, Point) else value
