"""Errors reach Sentry over the wire, with the id of their request and nothing about the person."""

import asyncio
import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import sentry_sdk
from django.core.signals import got_request_exception
from django.db import IntegrityError
from rest_framework.test import APIClient

from accounts.tests.factories import client_for, make_user
from soukloop.core import error_reports
from soukloop.core.errors import ServerError
from soukloop.core.jobs.worker import _run_in_context
from soukloop.core.tests.collectors import collecting
from soukloop.realtime import dispatch

CAUSE = "b7f8e1d9a0436512"
SECRETS = ("noura@example.com", "+971501234567", "198.51.100.7", "hunter2", "eyJhbGciOi", "Noura")
# Not beside what raises it, because lines of code are part of a report.
MESSAGE = "no account 'Noura' at noura@example.com, +971501234567, 198.51.100.7\nDETAIL: "
Reports = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def reports(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reports]:
    """Return a function that returns the events which Sentry has got, and forgets them."""
    monkeypatch.setattr(error_reports, "_sentry", None)
    with collecting() as collector:
        settings.SENTRY_DSN = f"http://public@{collector.address}/7"
        error_reports.start("web")

        def received() -> list[dict[str, Any]]:
            sentry_sdk.flush(10)
            events = []
            for path, body in collector.bodies:
                assert path == "/api/7/envelope/"
                events += [json.loads(line) for line in body.splitlines() if b'"exception"' in line]
                assert not [secret for secret in SECRETS if secret.encode() in body]
            collector.bodies.clear()
            return events

        yield received
        got_request_exception.disconnect(dispatch_uid="soukloop.sentry")
        sentry_sdk.get_client().close()
        sentry_sdk.get_global_scope().set_client(None)


def fail(*arguments: Any, **options: Any) -> Any:
    password, person = SECRETS[3], SECRETS[5]  # what a report of local variables would have
    raise IntegrityError(MESSAGE + password + person)


@pytest.mark.django_db
def test_an_error_of_a_request_is_reported_with_its_id_and_no_personal_data(
    reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    client: APIClient = client_for(make_user(username="noura"))
    monkeypatch.setattr("accounts.views.profiles.Me.get", fail, raising=False)
    answer = client.get(
        "/api/v1/auth/me?token=hunter2",
        HTTP_X_REQUEST_ID=CAUSE,
        HTTP_COOKIE="sessionid=hunter2",
        REMOTE_ADDR="198.51.100.7",
    )
    assert answer.status_code == 500
    [event] = reports()
    [exception] = event["exception"]["values"]
    assert exception["type"] == "IntegrityError"
    assert exception["value"].startswith("no account […] at […]")
    assert exception["stacktrace"]["frames"][-1]["function"] == "fail"
    assert event["tags"]["request_id"] == CAUSE
    assert event["tags"]["process"] == "web"
    assert {"request", "user", "breadcrumbs", "server_name", "extra"} & set(event) == set()


@pytest.mark.django_db
def test_an_error_of_a_page_is_reported(
    reports: Reports, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.raise_request_exception = False
    monkeypatch.setattr("soukloop.core.staff.admin.start_page_notices", fail)
    client.force_login(make_user(is_staff=True))
    assert client.get("/admin/", HTTP_X_REQUEST_ID=CAUSE).status_code == 500
    [event] = reports()
    assert event["tags"]["request_id"] == CAUSE


def test_an_error_of_a_command_is_reported_by_the_commands_name(
    reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "count_action", fail)
    session: Any = SimpleNamespace(
        user_id_or_none="1", visitor=SimpleNamespace(language="en"), is_guest=False
    )
    for name in ("message:send", "Noura"):
        with pytest.raises(ServerError):
            dispatch._execute(session, name, {"password": "hunter2"})
    events = reports()
    assert [event["tags"]["command"] for event in events] == ["message:send", "unknown"]
    assert all(len(event["tags"]["request_id"]) == 32 for event in events)


def test_a_job_that_is_given_up_is_reported_once_with_its_request(reports: Reports) -> None:
    async def attempt(attempts: int) -> None:
        task_kwargs = {"_context": {"request_id": CAUSE}, "phone": "+971501234567"}
        job = SimpleNamespace(
            id=1, attempts=attempts, task_name="accounts.deliver_code", task_kwargs=task_kwargs
        )

        async def run() -> None:
            fail()

        with pytest.raises(IntegrityError):
            await _run_in_context(run, SimpleNamespace(job=job), None)  # type: ignore[arg-type]

    for attempts in range(5):
        asyncio.run(attempt(attempts))
    [event] = reports()
    assert (event["tags"]["task"], event["tags"]["request_id"]) == ("accounts.deliver_code", CAUSE)


@pytest.mark.django_db
def test_errors_that_are_answers_are_not_reported(reports: Reports) -> None:
    client = APIClient()
    assert client.get("/api/v1/auth/me").status_code == 401
    assert client.post("/api/v1/auth/login", {}).status_code == 400
    assert reports() == []
