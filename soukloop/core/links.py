"""Connections to PostgreSQL of one event loop, for reads that go past Django."""

import asyncio
import re
import time
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count
from typing import Any

import psycopg
from django.db import connection

from soukloop.core.reads import Rows, Statement

_WAIT = 10.0  # seconds for one to be free
_LIFETIME = 3600.0  # seconds; what a backend remembers of the catalogue only grows


@dataclass
class _Link:
    connection: psycopg.AsyncConnection[Any]
    opened_at: float = field(default_factory=time.monotonic)
    was_lost: bool = False

    def __post_init__(self) -> None:
        self.raw = psycopg.AsyncRawCursor(self.connection)
        self.client_side = psycopg.AsyncClientCursor(self.connection)

    async def fetch(self, statement: Statement) -> Rows:
        """Prepare what has one plan: planning takes as long as the rest. Else let the planner see values."""
        if statement.has_one_plan:
            await self.raw.execute(numbered(statement.sql), statement.params, prepare=True)
            return await self.raw.fetchall()
        await self.client_side.execute(statement.sql, statement.params)
        return await self.client_side.fetchall()


class Links:
    """At most so many connections; whichever was given back last is lent first.

    Its backend has what it needs in the processor's caches. psycopg_pool lends its connections in turn: a
    page of Discover took 0.96 ms over two of them, where it takes 0.69 over one.
    """

    def __init__(self, most: int) -> None:
        self._free = asyncio.Semaphore(most)
        self._idle: list[_Link] = []

    async def fetch(self, statement: Statement) -> Rows:
        """Send a statement, again over another connection where one that had been idle was dead.

        Raises psycopg.OperationalError, TimeoutError when no connection is free for long.
        """
        if self._free.locked():
            async with asyncio.timeout(_WAIT):
                await self._free.acquire()
        else:
            await self._free.acquire()
        try:
            while self._idle:
                link = self._idle.pop()
                try:
                    return await self._fetch_over(link, statement)
                except psycopg.OperationalError:
                    if not link.was_lost:
                        raise
            return await self._fetch_over(await _connect(), statement)
        finally:
            self._free.release()

    async def close(self) -> None:
        """Close those that are idle."""
        while self._idle:
            await self._idle.pop().connection.close()

    async def _fetch_over(self, link: _Link, statement: Statement) -> Rows:
        is_good = False
        try:
            rows = await link.fetch(statement)
            is_good = time.monotonic() - link.opened_at < _LIFETIME
            return rows
        except psycopg.OperationalError:
            link.was_lost = link.connection.closed
            raise
        finally:
            # Also when it was given up half-way: what came next over it might be the answer to this.
            if is_good:
                self._idle.append(link)
            else:
                await link.connection.close()


async def _connect() -> _Link:
    """Connect as Django does, with the same options."""
    params = connection.get_connection_params()
    for ours in ("pool", "cursor_factory", "context", "prepare_threshold", "server_side_binding"):
        params.pop(ours, None)
    options = f"{params.pop('options', '')} -c TimeZone=UTC"
    return _Link(await psycopg.AsyncConnection.connect(**params, options=options, autocommit=True))


@lru_cache(maxsize=1024)
def numbered(sql: str) -> str:
    """Write `%s` as PostgreSQL does, `$1`: once, where psycopg would do it for each request."""
    numbers = count(1)
    return re.sub("%[s%]", lambda found: f"${next(numbers)}" if found[0] == "%s" else "%", sql)
