"""`/healthz` and `/readyz`."""

import time
from typing import Any

import pytest
import redis
from django.db import OperationalError, connection
from django.test import Client

from soukloop.core.http import health
from soukloop.realtime.testing.redis_process import RedisProcess


def test_healthz_needs_neither_postgresql_nor_redis() -> None:
    assert Client().get("/healthz").json() == {"status": "ok"}


@pytest.mark.django_db
def test_readyz_is_200_when_every_dependency_answers() -> None:
    response = Client().get("/readyz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_readyz_names_the_dependency_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "redis_client", lambda: redis.Redis(port=1, socket_connect_timeout=1))
    response = Client().get("/readyz")
    assert response.status_code == 503
    assert set(response.json()["reasons"]) == {"redis"}
    assert "ConnectionError" in response.json()["reasons"]["redis"]


@pytest.mark.django_db
def test_readyz_names_a_redis_that_is_full(own_redis: RedisProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    client = redis.Redis.from_url(own_redis.url)
    monkeypatch.setattr(health, "redis_client", lambda: client)
    assert Client().get("/readyz").status_code == 200
    client.config_set("maxmemory", "1")
    assert client.ping()
    response = Client().get("/readyz")
    assert response.status_code == 503
    assert set(response.json()["reasons"]) == {"redis"}
    assert "maxmemory" in response.json()["reasons"]["redis"]
    client.config_set("maxmemory", "0")
    assert Client().get("/readyz").status_code == 200


@pytest.mark.django_db
def test_the_check_of_postgresql_fails_where_it_can_write_no_file() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL temp_file_limit = 0")
    with pytest.raises(OperationalError, match="temporary file size exceeds"):
        health._check_postgresql()


@pytest.mark.django_db
def test_the_check_of_postgresql_fails_where_it_accepts_no_writes() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL transaction_read_only = on")
    with pytest.raises(RuntimeError, match="accepts no writes"):
        health._check_postgresql()


@pytest.mark.django_db
def test_readyz_names_a_disk_that_is_full(settings: Any) -> None:
    settings.DISK_FREE_MIN_BYTES = 2**60
    response = Client().get("/readyz")
    assert response.status_code == 503
    assert set(response.json()["reasons"]) == {"disk"}
    assert "MiB are free" in response.json()["reasons"]["disk"]


@pytest.mark.django_db
def test_readyz_does_not_wait_for_a_dependency_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "CHECK_TIMEOUT", 0.5)
    monkeypatch.setattr(health, "_check_postgresql", lambda: time.sleep(1.5))
    response = Client().get("/readyz")
    assert response.status_code == 503
    assert response.json()["reasons"] == {"postgresql": "TimeoutError: no answer in 0.5 s"}


@pytest.mark.django_db
def test_readyz_waits_for_migrations(monkeypatch: pytest.MonkeyPatch) -> None:
    class Executor:
        def __init__(self, connection: Any) -> None:
            self.loader = self
            self.graph = self

        def leaf_nodes(self) -> list[Any]:
            return []

        def migration_plan(self, targets: Any) -> list[str]:
            return ["0002"]

    monkeypatch.setattr(health, "MigrationExecutor", Executor)
    response = Client().get("/readyz")
    assert response.status_code == 503
    assert response.json()["reasons"] == {"migrations": "RuntimeError: 1 migrations are not applied"}


@pytest.mark.django_db
def test_each_response_has_a_request_id_and_a_valid_one_is_kept() -> None:
    assert len(Client().get("/healthz")["X-Request-ID"]) == 32
    assert Client().get("/healthz", headers={"x-request-id": "abc-12345"})["X-Request-ID"] == "abc-12345"
    assert Client().get("/healthz", headers={"x-request-id": "a b\tc"})["X-Request-ID"] != "a b\tc"
