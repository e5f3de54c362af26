"""`/healthz`: this process serves. `/readyz`: what it stands on is there."""

from collections.abc import Callable

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse

from soukloop.core.redis import redis_client


def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200, or 503 with the reason for each part that is away."""
    checks: dict[str, Callable[[], None]] = {
        "postgresql": _check_postgresql,
        "redis": _check_redis,
        "migrations": _check_migrations,
    }
    reasons = {}
    for name, check in checks.items():
        try:
            check()
        except Exception as error:
            reasons[name] = (
                f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no reason given'}"
            )
    if reasons:
        return JsonResponse({"status": "unavailable", "reasons": reasons}, status=503)
    return JsonResponse({"status": "ok"})


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
