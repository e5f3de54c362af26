"""`/healthz` and `/readyz`."""

import time
from typing import Any

import pytest
import redis
from django.test import Client

from soukloop.core.http import health


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
