"""Rows read with hand-written SQL, where building the ORM's query would cost more than running it."""

from collections.abc import Collection
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import connection, models

M = TypeVar("M", bound=models.Model)


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
    users = [model.from_db(connection.alias, _names(model)[0], row) for row in rows]
    return {user.pk: user for user in users}


def one_row(model: type[M], sql: str, params: Any) -> tuple[M, tuple[Any, ...]] | None:
    """Return an instance from the first row's leading `columns_of(model)`, and the row's other columns."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        row = cursor.fetchone()
    if row is None:
        return None
    names = _names(model)[0]
    return model.from_db(connection.alias, names, row[: len(names)]), row[len(names) :]


def columns_of(model: type[models.Model], table: str = "") -> str:
    """Return the model's columns for a SELECT, in the order that `one_row` expects."""
    prefix = f"{table}." if table else ""
    return ", ".join(f"{prefix}{column}" for column in _names(model)[1])


@cache
def _names(model: type[models.Model]) -> tuple[list[str], list[str]]:
    """Return the attribute names and the column names. Django parses a geometry when it is first accessed."""
    fields = model._meta.concrete_fields
    converted = [field.name for field in fields if hasattr(field, "from_db_value")]
    if converted:
        raise TypeError(f"{model.__name__} has fields whose values need converting: {converted}")
    return [field.attname for field in fields], [str(field.column) for field in fields]
