"""`/healthz`: this process serves. `/readyz`: what it stands on is there."""

import asyncio
from collections.abc import Callable

from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse

from soukloop.core.redis.client import redis_client

ANSWER_WITHIN = 5.0  # seconds; a part that stands still isn't there


def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


async def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200, or 503 with the reason for each part that is away or doesn't answer."""
    checks: dict[str, Callable[[], None]] = {
        "postgresql": _check_postgresql,
        "redis": _check_redis,
        "migrations": _check_migrations,
    }
    found = await asyncio.gather(*(_reason(check) for check in checks.values()))
    reasons = {name: reason for name, reason in zip(checks, found, strict=True) if reason}
    if reasons:
        return JsonResponse({"status": "unavailable", "reasons": reasons}, status=503)
    return JsonResponse({"status": "ok"})


async def _reason(check: Callable[[], None]) -> str:
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            await asyncio.to_thread(_released, check)
    except TimeoutError:
        return f"TimeoutError: no answer in {ANSWER_WITHIN:g} s"
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no reason given'}"
    return ""


def _released(check: Callable[[], None]) -> None:
    try:
        check()
    finally:
        connections.close_all()


def _check_postgresql() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT postgis_version()")


def _check_redis() -> None:
    redis_client().ping()


def _check_migrations() -> None:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        raise RuntimeError(f"{len(missing)} migrations are not applied")
