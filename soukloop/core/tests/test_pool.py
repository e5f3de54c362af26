"""Connections are lent last used first, no more than so many, and never with another's answer on them."""

import asyncio
import socket
import time
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from django.db import connection

from soukloop.core.db import pool as links_module
from soukloop.core.db.pool import AsyncPool, numbered
from soukloop.core.db.reads import Statement

pytestmark = pytest.mark.django_db(transaction=True)
PID = Statement("SELECT pg_backend_pid()", [], has_one_plan=True)


def slow(seconds: float) -> Statement:
    return Statement("SELECT pg_backend_pid() FROM pg_sleep(%s::float8)", [seconds], has_one_plan=True)


@pytest.fixture
async def links() -> Any:
    made = AsyncPool(most=3)
    yield made
    await made.close()


async def pid(links: AsyncPool, statement: Statement = PID) -> int:
    [[number]] = await links.fetch(statement)
    return int(number)


async def test_one_after_another_share_the_connection_that_was_used_last(links: AsyncPool) -> None:
    first = await asyncio.gather(pid(links, slow(0.3)), pid(links, slow(0.2)), pid(links, slow(0.1)))
    assert len(set(first)) == 3
    assert {await pid(links) for _ in range(5)} == {first[0]}


async def test_more_wait_for_a_connection_and_time_out(links: AsyncPool, monkeypatch: Any) -> None:
    everybody = await asyncio.gather(*(pid(links, slow(0.05)) for _ in range(9)))
    assert len(set(everybody)) == 3
    monkeypatch.setattr(links_module, "_WAIT", 0.05)
    long = [asyncio.create_task(pid(links, slow(0.5))) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        await pid(links)
    assert set(await asyncio.gather(*long)) == set(everybody)


async def test_what_was_given_up_half_way_is_answered_to_nobody_else(links: AsyncPool) -> None:
    before = await pid(links)
    given_up = asyncio.create_task(pid(links, slow(5)))
    await asyncio.sleep(0.1)
    given_up.cancel()
    with suppress(asyncio.CancelledError):
        await given_up
    assert await links.fetch(Statement("SELECT %s::int", [7], has_one_plan=True)) == [(7,)]
    assert await pid(links) != before
    assert await asyncio.gather(pid(links), pid(links), pid(links))


async def test_a_statement_that_fails_is_not_sent_again(links: AsyncPool) -> None:
    await pid(links)
    with pytest.raises(psycopg.errors.DivisionByZero):
        await links.fetch(Statement("SELECT 1 / %s::int", [0], has_one_plan=True))
    await links.fetch(Statement("SELECT set_config('statement_timeout', '50', false)", [], has_one_plan=True))
    with pytest.raises(psycopg.errors.QueryCanceled):
        await links.fetch(slow(1))
    assert await pid(links)


async def test_dead_connections_are_replaced_however_many(links: AsyncPool) -> None:
    pids = await asyncio.gather(*(pid(links, slow(0.1)) for _ in range(3)))
    await asyncio.to_thread(_terminate, pids)
    assert await pid(links) not in pids


def _terminate(pids: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid, 1000) FROM unnest(%s::int[]) pid", [pids])
    connection.close()


async def test_what_was_silent_for_long_is_not_trusted(links: AsyncPool, monkeypatch: Any) -> None:
    before = await asyncio.gather(pid(links, slow(0.1)), pid(links, slow(0.1)))
    monkeypatch.setattr(links_module, "_IDLE", 0.0)
    assert await pid(links) not in before
    assert sum(len(idle) for idle in links._idle.values()) == 1


async def test_a_host_that_never_answers_is_given_up(links: AsyncPool, monkeypatch: Any) -> None:
    monkeypatch.setattr(links_module, "_WAIT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with monkeypatch.context() as patch:
            patch.setattr(
                links_module.connection, "get_connection_params", lambda: {"host": "127.0.0.1", "port": port}
            )
            with pytest.raises(TimeoutError):
                await pid(links)
    monkeypatch.undo()
    assert await pid(links)


async def test_a_server_that_stands_still_is_given_up(links: AsyncPool, monkeypatch: Any) -> None:
    params = connection.get_connection_params()
    path = asyncio.Event()  # what is sent gets through
    path.set()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await path.wait()
            writer.write(data)
        writer.close()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection(params["host"], params["port"])
        with suppress(asyncio.CancelledError):  # the server is closed with the test
            await asyncio.gather(relay(reader, forth), relay(back, writer))

    async with await asyncio.start_server(accepted, "127.0.0.1", 0) as between:
        host, port = between.sockets[0].getsockname()
        behind = {**params, "host": host, "port": port}
        with monkeypatch.context() as patch:  # undone where it was done: connections belong to a task
            patch.setattr(links_module.connection, "get_connection_params", lambda: dict(behind))
            before = await asyncio.gather(*(pid(links, slow(0.1)) for _ in range(3)))
        monkeypatch.setattr(links_module, "_ANSWER", 0.3)
        path.clear()
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            await pid(links)
        assert time.monotonic() - started < 2  # one after the other isn't tried
        path.set()
        monkeypatch.setattr(links_module, "_ANSWER", 10.0)
        assert await pid(links) in before
        await links.close()


async def test_a_connection_is_closed_when_it_is_old(links: AsyncPool, monkeypatch: Any) -> None:
    before = await pid(links)
    monkeypatch.setattr(links_module, "_LIFETIME", 0.0)
    assert await pid(links) == before
    assert await pid(links) != before


async def test_statements_without_one_plan_use_connections_of_their_own(links: AsyncPool) -> None:
    sql = "SELECT current_setting('plan_cache_mode'), current_setting('TimeZone'), pg_backend_pid()"
    [one], [each] = [await links.fetch(Statement(sql, [], has_one_plan=kind)) for kind in (True, False)]
    assert (one[:2], each[:2]) == (("auto", "UTC"), ("force_custom_plan", "UTC"))
    assert one[2] != each[2]
    assert [each] == await links.fetch(Statement(sql, []))


def test_placeholders_are_numbered_as_postgresql_has_them() -> None:
    assert numbered("SELECT %s, 7 %% 2, 'a%%', %s") == "SELECT $1, 7 % 2, 'a%', $2"
