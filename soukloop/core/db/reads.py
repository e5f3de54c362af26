"""Reads written once for sync and async code: generators that yield SQL statements and receive their rows."""

from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import connection

T = TypeVar("T")
Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Statement:
    """An SQL statement with its parameters.

    `has_one_plan`: the best plan is the same for all parameters, so PostgreSQL may cache it.
    """

    sql: str
    params: list[Any]
    has_one_plan: bool = False


Reads = Generator[Statement, Rows, T]


def run(reads: Reads[T]) -> T:
    """Execute reads over Django's connection."""
    try:
        statement = next(reads)
        while True:
            statement = reads.send(fetch(statement))
    except StopIteration as end:
        result: T = end.value
        return result


async def run_async(reads: Reads[T], fetch_async: Callable[[Statement], Awaitable[Rows]]) -> T:
    """Execute reads through `fetch_async`, which sends each statement to PostgreSQL."""
    try:
        statement = next(reads)
        while True:
            statement = reads.send(await fetch_async(statement))
    except StopIteration as end:
        result: T = end.value
        return result


def fetch(statement: Statement) -> Rows:
    with connection.cursor() as cursor:
        cursor.execute(statement.sql, statement.params)
        rows: Rows = cursor.fetchall()
    return rows
