"""`/healthz`: whether this process serves. `/readyz`: whether the services it depends on are available."""

import asyncio
from collections.abc import Callable

from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse

from soukloop.core.redis.client import redis_client

CHECK_TIMEOUT = 5.0  # seconds; a service that hangs counts as unavailable


def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


async def readyz(request: HttpRequest) -> JsonResponse:
    """Return 200, or 503 with the reason for each service that is unavailable or does not respond."""
    checks: dict[str, Callable[[], None]] = {
        "postgresql": _check_postgresql,
        "redis": _check_redis,
        "migrations": _check_migrations,
    }
    results = await asyncio.gather(*(_run_check(check) for check in checks.values()))
    reasons = {name: reason for name, reason in zip(checks, results, strict=True) if reason}
    if reasons:
        return JsonResponse({"status": "unavailable", "reasons": reasons}, status=503)
    return JsonResponse({"status": "ok"})


async def _run_check(check: Callable[[], None]) -> str:
    """Run a check on a thread; return the reason for a failure, or an empty string."""
    try:
        async with asyncio.timeout(CHECK_TIMEOUT):
            await asyncio.to_thread(_call_and_close_connections, check)
    except TimeoutError:
        return f"TimeoutError: no answer in {CHECK_TIMEOUT:g} s"
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no reason given'}"
    return ""


def _call_and_close_connections(check: Callable[[], None]) -> None:
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
