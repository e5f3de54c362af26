"""`/healthz`: whether this process serves. `/readyz`: whether its services are up and can be written."""

import asyncio
import shutil
from collections.abc import Callable

from django.conf import settings
from django.db import connection, connections, transaction
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse

from soukloop.core.db.outage import repeat_if_lost
from soukloop.core.redis import keys
from soukloop.core.redis.client import redis_client

CHECK_TIMEOUT = 5.0  # seconds; a service that hangs counts as unavailable
PROBE_TTL = 60  # seconds until Redis forgets the key that a check writes


def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


async def readyz(request: HttpRequest) -> JsonResponse:
    """Return 200, or 503 with the reason for each service that is unavailable, full or does not respond."""
    checks: dict[str, Callable[[], None]] = {
        "postgresql": _check_postgresql,
        "redis": _check_redis,
        "migrations": _check_migrations,
        "disk": _check_disk,
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
    """Run a check; again if its connection was lost, which is not the same as an unavailable PostgreSQL."""
    try:
        repeat_if_lost(check)
    finally:
        connections.close_all()


def _check_postgresql() -> None:
    """Ask PostGIS, and let PostgreSQL write a temporary file: reads alone succeed on a full disk too."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT postgis_version(), pg_is_in_recovery() OR current_setting('transaction_read_only')::bool"
        )
        [_, is_read_only] = cursor.fetchone()
        if is_read_only:
            raise RuntimeError("PostgreSQL accepts no writes: it is a standby, or set to read only")
        # Sorting more than the memory allowed for it goes to a file.
        cursor.execute("SET LOCAL work_mem = '64kB'")
        cursor.execute(
            "SELECT count(*) FROM (SELECT n FROM generate_series(1, 5000) n ORDER BY md5(n::text)) sorted"
        )


def _check_redis() -> None:
    """Write a key, because a Redis that has reached its `maxmemory` still answers reads."""
    redis_client().set(keys.READINESS_PROBE, "1", ex=PROBE_TTL)


def _check_migrations() -> None:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        raise RuntimeError(f"{len(missing)} migrations are not applied")


def _check_disk() -> None:
    folder = settings.MEDIA_ROOT
    while not folder.exists():  # created by the first upload
        folder = folder.parent
    free, needed = shutil.disk_usage(folder).free, settings.DISK_FREE_MIN_BYTES
    if free < needed:
        raise RuntimeError(
            f"{free // 2**20} MiB are free for uploads and recordings, fewer than {needed // 2**20}"
        )
