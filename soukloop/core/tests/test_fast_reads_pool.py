"""The pool of fast reads: connections last used first, a limit, and no answer of another statement."""

import asyncio
import socket
import time
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from django.db import connection

from soukloop.core.db.reads import Statement
from soukloop.core.fast_reads import pool as pool_module
from soukloop.core.fast_reads.pool import AsyncPool, numbered

pytestmark = pytest.mark.django_db(transaction=True)
PID = Statement("SELECT pg_backend_pid()", [], has_one_plan=True)


def slow(seconds: float) -> Statement:
    return Statement("SELECT pg_backend_pid() FROM pg_sleep(%s::float8)", [seconds], has_one_plan=True)


@pytest.fixture
async def pool() -> Any:
    pool = AsyncPool(3)
    yield pool
    await pool.close()


async def pid(pool: AsyncPool, statement: Statement = PID) -> int:
    [[number]] = await pool.fetch(statement)
    return int(number)


async def test_consecutive_statements_use_the_connection_that_was_released_last(pool: AsyncPool) -> None:
    first = await asyncio.gather(pid(pool, slow(0.9)), pid(pool, slow(0.5)), pid(pool, slow(0.1)))
    assert len(set(first)) == 3
    assert {await pid(pool) for _ in range(5)} == {first[0]}


async def test_statements_beyond_the_limit_wait_and_time_out(pool: AsyncPool, monkeypatch: Any) -> None:
    all_pids = await asyncio.gather(*(pid(pool, slow(0.05)) for _ in range(9)))
    assert len(set(all_pids)) == 3
    monkeypatch.setattr(pool_module, "_ACQUIRE_TIMEOUT", 0.05)
    long = [asyncio.create_task(pid(pool, slow(0.5))) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        await pid(pool)
    assert set(await asyncio.gather(*long)) == set(all_pids)


async def test_the_answer_of_a_cancelled_statement_is_not_given_to_the_next_one(pool: AsyncPool) -> None:
    before = await pid(pool)
    cancelled = asyncio.create_task(pid(pool, slow(5)))
    await asyncio.sleep(0.1)
    cancelled.cancel()
    with suppress(asyncio.CancelledError):
        await cancelled
    assert await pool.fetch(Statement("SELECT %s::int", [7], has_one_plan=True)) == [(7,)]
    assert await pid(pool) != before
    assert await asyncio.gather(pid(pool), pid(pool), pid(pool))


async def test_a_statement_that_fails_is_not_sent_again(pool: AsyncPool) -> None:
    await pid(pool)
    with pytest.raises(psycopg.errors.DivisionByZero):
        await pool.fetch(Statement("SELECT 1 / %s::int", [0], has_one_plan=True))
    await pool.fetch(Statement("SELECT set_config('statement_timeout', '50', false)", [], has_one_plan=True))
    with pytest.raises(psycopg.errors.QueryCanceled):
        await pool.fetch(slow(1))
    assert await pid(pool)


async def test_all_dead_connections_are_replaced(pool: AsyncPool) -> None:
    pids = await asyncio.gather(*(pid(pool, slow(0.1)) for _ in range(3)))
    await asyncio.to_thread(_terminate, pids)
    assert await pid(pool) not in pids


def _terminate(pids: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid, 1000) FROM unnest(%s::int[]) pid", [pids])
    connection.close()


async def test_a_connection_that_was_idle_for_too_long_is_not_used(pool: AsyncPool, monkeypatch: Any) -> None:
    before = await asyncio.gather(pid(pool, slow(0.1)), pid(pool, slow(0.1)))
    monkeypatch.setattr(pool_module, "_IDLE_MAX", 0.0)
    assert await pid(pool) not in before
    assert sum(len(idle) for idle in pool._idle.values()) == 1


async def test_connecting_to_a_host_that_never_answers_times_out(pool: AsyncPool, monkeypatch: Any) -> None:
    monkeypatch.setattr(pool_module, "_ACQUIRE_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with monkeypatch.context() as patch:
            patch.setattr(
                pool_module.connection, "get_connection_params", lambda: {"host": "127.0.0.1", "port": port}
            )
            with pytest.raises(TimeoutError):
                await pid(pool)
    monkeypatch.undo()
    assert await pid(pool)


async def test_a_statement_to_a_server_that_hangs_times_out(pool: AsyncPool, monkeypatch: Any) -> None:
    params = connection.get_connection_params()
    path = asyncio.Event()  # set: data passes
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
        with monkeypatch.context() as patch:  # not after the test: the connections belong to its task
            patch.setattr(pool_module.connection, "get_connection_params", lambda: dict(behind))
            before = await asyncio.gather(*(pid(pool, slow(0.1)) for _ in range(3)))
        monkeypatch.setattr(pool_module, "_ANSWER_TIMEOUT", 0.3)
        path.clear()
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            await pid(pool)
        assert time.monotonic() - started < 2  # the other connections are not tried as well
        path.set()
        monkeypatch.setattr(pool_module, "_ANSWER_TIMEOUT", 10.0)
        assert await pid(pool) in before
        await pool.close()


async def test_a_connection_is_closed_at_the_end_of_its_lifetime(pool: AsyncPool, monkeypatch: Any) -> None:
    before = await pid(pool)
    monkeypatch.setattr(pool_module, "_LIFETIME", 0.0)
    assert await pid(pool) == before
    assert await pid(pool) != before


async def test_statements_without_one_plan_use_separate_connections(pool: AsyncPool) -> None:
    sql = "SELECT current_setting('plan_cache_mode'), current_setting('TimeZone'), pg_backend_pid()"
    [one], [each] = [await pool.fetch(Statement(sql, [], has_one_plan=kind)) for kind in (True, False)]
    assert (one[:2], each[:2]) == (("auto", "UTC"), ("force_custom_plan", "UTC"))
    assert one[2] != each[2]
    assert [each] == await pool.fetch(Statement(sql, []))


def test_placeholders_are_numbered_as_postgresql_does() -> None:
    assert numbered("SELECT %s, 7 %% 2, 'a%%', %s") == "SELECT $1, 7 % 2, 'a%', $2"
