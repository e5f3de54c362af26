"""Traces reach a collector as OTLP's protobuf; without one nothing of OpenTelemetry is loaded."""

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings

from accounts.tests.factories import make_user
from accounts.tokens import access_token_for
from soukloop.core import jsonlib
from soukloop.core.tests.collectors import Collector, collecting
from soukloop.realtime.testing.waiting import wait_until

CAUSE = "b7f8e1d9a0436512"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


class Spans:
    """The spans that a collector has got, decoded."""

    def __init__(self, collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
        # The settings keep it from being imported where no collector is set, as in this process.
        monkeypatch.delitem(sys.modules, "opentelemetry", raising=False)
        from opentelemetry.proto.collector.trace.v1 import trace_service_pb2  # noqa: PLC0415

        self.message = trace_service_pb2.ExportTraceServiceRequest
        self.collector = collector

    def all(self) -> list[dict[str, Any]]:
        found = []
        for path, body in list(self.collector.bodies):
            assert path == "/v1/traces"
            for resource in self.message.FromString(body).resource_spans:
                service = {each.key: each.value.string_value for each in resource.resource.attributes}
                found += [
                    {
                        "name": span.name,
                        "trace": span.trace_id.hex(),
                        "parent": span.parent_span_id.hex(),
                        "service": service["service.name"],
                        **{
                            each.key: each.value.string_value or each.value.int_value
                            for each in span.attributes
                        },
                    }
                    for scope in resource.scope_spans
                    for span in scope.spans
                ]
        return found

    def named(self, name: str) -> list[dict[str, Any]]:
        return [span for span in self.all() if span["name"] == name]


def post(url: str, body: dict[str, Any]) -> None:
    headers = {"Content-Type": "application/json", "X-Request-ID": CAUSE}
    request = urllib.request.Request(url, jsonlib.dumps(body), headers)
    with urllib.request.urlopen(request, timeout=20):
        pass


def test_a_request_its_statements_and_its_job_are_one_trace_and_a_command_another(
    live_server_process: Any, bare_client: Any, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans = Spans(collector, monkeypatch)
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{collector.address}",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "EMAIL_URL": "consolemail://",
    }
    [server] = live_server_process(1, fresh=True, environment=environment)
    user = make_user(email="layla@example.com")
    post(f"{server.url}/api/v1/auth/send-otp", {"identifier": "layla@example.com", "type": "email"})
    client = bare_client(server, access_token_for(user))
    assert client.call("app:foreground")["success"]
    name = settings.DATABASES["default"]["NAME"]
    database = f"{os.environ['DATABASE_URL'].rsplit('/', 1)[0]}/{name}"
    worker = subprocess.Popen(
        [sys.executable, "manage.py", "run_worker"],
        cwd=settings.BASE_DIR,
        env={**os.environ, **environment, "DATABASE_URL": database},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: spans.named("job accounts.deliver_code"), "span of the job", 60)
    finally:
        worker.terminate()
        worker.wait(30)
    [request] = spans.named("POST /api/v1/auth/send-otp")
    [job] = spans.named("job accounts.deliver_code")
    assert (request["service"], job["service"]) == ("soukloop-web", "soukloop-worker")
    assert request["http.response.status_code"] == 200
    assert request["souk.request_id"] == job["souk.request_id"] == CAUSE
    assert job["trace"] == request["trace"]
    assert (request["parent"], job["parent"] != "") == ("", True)
    statements = [
        span for span in spans.all() if span["trace"] == request["trace"] and "db.query.text" in span
    ]
    assert {"INSERT", "SELECT"} <= {span["name"] for span in statements}
    assert "layla@example.com" not in str(spans.all())
    commands = [span for span in spans.all() if span["name"].startswith("command ")]
    assert len(commands) == 1
    assert commands[0]["trace"] != request["trace"]
    assert len(commands[0]["souk.request_id"]) == 32


def test_without_a_collector_and_a_dsn_nothing_of_their_libraries_is_loaded() -> None:
    script = (
        "import django, sys; django.setup(); import soukloop.asgi, soukloop.core.jobs.worker\n"
        "print([name for name, module in sys.modules.items()"
        " if module and name.partition('.')[0] in ('opentelemetry', 'sentry_sdk')])"
    )
    unset = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "",
        "SENTRY_DSN": "",
        "DJANGO_SETTINGS_MODULE": "soukloop.settings",
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=settings.BASE_DIR,
        env={**os.environ, **unset, "DJANGO_SETTINGS_MODULE": "soukloop.settings"},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "[]\n", done.stderr
