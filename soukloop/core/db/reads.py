"""Reads that don't care who sends their statements: generators that yield statements and are sent rows."""

from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import connection

T = TypeVar("T")
Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Statement:
    """`has_one_plan`: the best plan is the same for all parameters, so PostgreSQL may keep it."""

    sql: str
    params: list[Any]
    has_one_plan: bool = False


Reads = Generator[Statement, Rows, T]


def run(reads: Reads[T]) -> T:
    """Carry out reads over Django's connection."""
    try:
        statement = next(reads)
        while True:
            statement = reads.send(fetch(statement))
    except StopIteration as end:
        result: T = end.value
        return result


async def run_async(reads: Reads[T], fetch_async: Callable[[Statement], Awaitable[Rows]]) -> T:
    """Carry out reads over whatever `fetch_async` sends statements to."""
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
