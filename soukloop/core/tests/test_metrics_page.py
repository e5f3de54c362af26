"""`/metrics`: who may read it, what it counts, and that neither clients nor scrapers make it expensive."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connection
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from soukloop.core.metrics import REGISTRY
from soukloop.core.metrics.database import DatabaseCollector, database_collector
from soukloop.core.metrics.page import render
from soukloop.core.tests.factories import make_job

pytestmark = pytest.mark.django_db
TOKEN = "c2b7f8e1d9a04365b7f8e1d9a0436512"

Scrape = Callable[..., Any]


@pytest.fixture
def scrape(settings: Any) -> Scrape:
    settings.METRICS_TOKEN, settings.METRICS_ADDRESSES = "", []

    def get(**headers: str) -> Any:
        return Client().get("/metrics", headers=headers)

    return get


def count(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def asked_of_database() -> dict[tuple[str, str], float]:
    """Return what is asked of PostgreSQL now, by name and task."""
    metrics = DatabaseCollector().collect()
    return {
        (sample.name, sample.labels.get("task", "")): sample.value
        for metric in metrics
        for sample in metric.samples
    }


def test_nobody_may_read_metrics_unless_somebody_is_named(scrape: Scrape) -> None:
    answer = scrape(authorization="Bearer ")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "unknown_url"


def test_the_token_opens_metrics_from_anywhere_and_no_other_token_does(scrape: Scrape, settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN
    assert scrape(authorization=f"Bearer {TOKEN}").status_code == 200
    for header in (f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer", ""):
        assert scrape(authorization=header).status_code == 404, header


@pytest.mark.parametrize(
    ("listed", "status"), [(["127.0.0.1"], 200), (["10.0.0.0/8", "127.0.0.0/8"], 200), (["10.0.0.0/8"], 404)]
)
def test_metrics_are_open_to_the_addresses_that_are_listed(
    scrape: Scrape, settings: Any, listed: list[str], status: int
) -> None:
    settings.METRICS_ADDRESSES = listed
    assert scrape().status_code == status


def test_a_client_cannot_say_that_it_has_a_listed_address(scrape: Scrape, settings: Any) -> None:
    settings.METRICS_ADDRESSES, settings.TRUSTED_PROXIES = ["10.0.0.0/8"], 0
    assert scrape(x_forwarded_for="10.0.0.1").status_code == 404


def test_both_formats_of_prometheus_are_answered(scrape: Scrape, settings: Any) -> None:
    settings.METRICS_ADDRESSES = ["127.0.0.1"]
    text, openmetrics = scrape(), scrape(accept="application/openmetrics-text;version=1.0.0")
    assert text["Content-Type"].startswith("text/plain; version=")
    names = {family.name for family in text_string_to_metric_families(text.content.decode())}
    assert {"souk_http_requests", "souk_jobs_failed", "souk_outbox_entries", "souk_streams_live"} <= names
    assert openmetrics["Content-Type"].startswith("application/openmetrics-text")
    assert openmetrics.content.endswith(b"# EOF\n")


def test_each_metric_has_a_help_text_and_its_unit_in_its_name() -> None:
    families = list(text_string_to_metric_families(render()[0].decode()))
    assert len(families) > 30
    for family in families:
        assert family.documentation.endswith("."), family.name
        assert family.name.startswith("souk_")
        if family.type == "histogram":
            assert family.name.endswith("_seconds")


def test_requests_are_counted_by_their_pattern_and_never_by_what_a_client_wrote() -> None:
    client, product, unknown = APIClient(), "/api/v1/products/<uuid:product_id>", "unknown"
    missing = {"method": "GET", "route": product, "status": "404"}
    lost = {"method": "GET", "route": unknown, "status": "404"}
    before = count("souk_http_requests_total", **missing), count("souk_http_requests_total", **lost)
    for _ in range(3):
        client.get(f"/api/v1/products/{uuid4()}")
        client.get(f"/api/v1/{uuid4()}")
        client.get(f"/{uuid4()}.php")
    after = count("souk_http_requests_total", **missing), count("souk_http_requests_total", **lost)
    assert (after[0] - before[0], after[1] - before[1]) == (3, 6)
    client.generic(invented := f"X{uuid4().hex}", "/api/v1/products")
    shown = [line for line in render()[0].decode().splitlines() if line.startswith("souk_http")]
    assert any('method="other"' in line for line in shown)
    assert not any(invented in line or ".php" in line for line in shown)


def test_the_queue_is_shown_by_task_with_the_age_of_its_oldest_job() -> None:
    make_job()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_events SET at = at - interval '90 seconds'")
    make_job()
    make_job(status="failed")
    make_job(status="doing")
    make_job(scheduled_at="2999-01-01")
    shown = {
        name: value for (name, task), value in asked_of_database().items() if task == "accounts.deliver_code"
    }
    age = shown.pop("souk_jobs_oldest_waiting_seconds")
    assert shown == {
        "souk_jobs_waiting": 2, "souk_jobs_failed": 1, "souk_jobs_running": 1, "souk_jobs_scheduled": 1
    }  # fmt: skip
    assert 90 <= age < 150


def test_a_second_scrape_within_seconds_asks_postgresql_nothing(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    render()
    with django_assert_num_queries(0):
        render()


def test_metrics_are_answered_while_postgresql_is_unavailable() -> None:
    def fail(*arguments: Any) -> None:
        raise OperationalError("gone")

    database_collector._read_at = float("-inf")
    with connection.execute_wrapper(fail):
        text = render()[0].decode()
    database_collector._read_at = float("-inf")  # for the tests after this one
    assert "souk_database_up 0.0" in text
    assert "souk_http_requests_total" in text
    assert "souk_jobs_failed" not in text
