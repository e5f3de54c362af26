"""Rows read with hand-written SQL, where building the ORM's query would cost more than running it."""

from collections.abc import Callable, Collection
from functools import cache
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import DEFAULT_DB_ALIAS, connection, models

M = TypeVar("M", bound=models.Model)
Row = tuple[Any, ...]
Names = tuple[str, ...]


def user_by_id(user_id: UUID) -> Any:
    """Return the user, or None; every authenticated request and socket command reads this row."""
    return users_by_id([user_id]).get(user_id)


def users_by_id(user_ids: Collection[UUID]) -> dict[UUID, Any]:
    """Return the users that exist, by id."""
    model = get_user_model()
    sql = f"SELECT {columns_of(model)} FROM {model._meta.db_table} WHERE id = ANY(%s::uuid[])"  # noqa: S608 - our names
    with connection.cursor() as cursor:
        cursor.execute(sql, [list(user_ids)])
        rows = cursor.fetchall()
    users = [take_instance(model, row)[0] for row in rows]
    return {user.pk: user for user in users}


def one_row(model: type[M], sql: str, params: Any) -> tuple[M, Row] | None:
    """Return an instance from the first row's leading `columns_of(model)`, and the row's other columns."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        row = cursor.fetchone()
    return None if row is None else take_instance(model, row)


def take_instance(model: type[M], row: Row, only: Names = ()) -> tuple[M, Row]:
    """Return an instance from a row's leading `columns_of(model, only=…)`, and the row's other columns."""
    fields = _fields(model, only)
    values, others = list(row[: len(fields.attributes)]), row[len(fields.attributes) :]
    for place, convert in fields.converters:
        values[place] = convert(values[place], None, connection)
    return model.from_db(DEFAULT_DB_ALIAS, fields.attributes, values), others


def columns_of(model: type[models.Model], table: str = "", only: Names = ()) -> str:
    """Return the model's columns for a SELECT, or only those of the named fields, for `take_instance`."""
    prefix = f"{table}." if table else ""
    return ", ".join(f"{prefix}{column}" for column in _fields(model, only).columns)


class _Fields(NamedTuple):
    attributes: list[str]
    columns: list[str]
    converters: list[tuple[int, Callable[..., Any]]]


@cache
def _fields(model: type[models.Model], only: Names) -> _Fields:
    """Return what is read of a model, in the order that `from_db` expects.

    Django parses a geometry when it is first accessed.
    """
    fields = [field for field in model._meta.concrete_fields if not only or field.name in only]
    return _Fields(
        [field.attname for field in fields],
        [str(field.column) for field in fields],
        [
            (place, field.from_db_value)
            for place, field in enumerate(fields)
            if hasattr(field, "from_db_value")
        ],
    )
