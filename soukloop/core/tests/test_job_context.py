"""The id of a request goes with the jobs and events that it causes, and to nobody but the log and staff."""

import asyncio
import logging
from typing import Any

import pytest
from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.testing import InMemoryConnector
from procrastinate.worker import Worker

from accounts.models import OtpChallenge
from accounts.tests.factories import make_user
from soukloop.core.http.requests import request_id
from soukloop.core.jobs.queue import enqueue
from soukloop.core.jobs.retries import task
from soukloop.core.jobs.worker import _run_in_context
from soukloop.core.logs import RequestFilter
from soukloop.core.tests.factories import make_job
from soukloop.realtime.events import publish_on_commit
from soukloop.realtime.models import OutboxEntry
from soukloop.realtime.outbox import publish_overdue
from soukloop.tests.staff import list_url, read, staff_browser

CAUSE = "b7f8e1d9a0436512"
seen: list[tuple[str, dict[str, Any]]] = []


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    seen.clear()


@pytest.fixture
def cause() -> Any:
    token = request_id.set(CAUSE)
    yield CAUSE
    request_id.reset(token)


@task("soukloop.core.tests.note_request")
def note_request(**arguments: Any) -> None:
    seen.append((request_id.get(), arguments))


@task("soukloop.core.tests.note_request_async")
async def note_request_async(**arguments: Any) -> None:
    seen.append((request_id.get(), arguments))


@task("soukloop.core.tests.enqueue_another")
def enqueue_another() -> None:
    enqueue("soukloop.core.tests.note_request")


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["note_request", "note_request_async"])
def test_a_job_runs_with_the_id_of_its_request_which_its_task_is_not_given(cause: str, name: str) -> None:
    enqueue(f"soukloop.core.tests.{name}", number=1)
    job = ProcrastinateJob.objects.get(task_name=f"soukloop.core.tests.{name}")
    request_id.set("")
    result = app.tasks[job.task_name].func(**job.args)
    if name.endswith("async"):
        asyncio.run(result)
    assert seen == [(CAUSE, {"number": 1})]
    assert request_id.get() == ""


@pytest.mark.django_db
def test_a_job_that_no_request_caused_has_no_further_argument() -> None:
    enqueue("soukloop.core.tests.note_request", number=1)
    assert ProcrastinateJob.objects.get().args == {"number": 1}


@pytest.mark.django_db
def test_what_a_person_did_can_be_followed_from_the_answer_to_the_job(client: Any) -> None:
    email = make_user(email="layla@example.com").email
    body = {"identifier": email, "type": "email"}
    answer = client.post("/api/v1/auth/send-otp", body, "application/json", HTTP_X_REQUEST_ID=CAUSE)
    assert answer["X-Request-ID"] == CAUSE
    assert OtpChallenge.objects.count() == 1
    job = ProcrastinateJob.objects.get(task_name="accounts.deliver_code")
    assert job.args["_context"] == {"request_id": CAUSE}
    staff = staff_browser()
    page = read(staff, f"{list_url(ProcrastinateJob)}{job.pk}/change/")
    assert CAUSE in page
    assert "&quot;_context&quot;" not in page
    other = make_job()
    found = read(staff, f"{list_url(ProcrastinateJob)}?q={CAUSE}")
    assert f"procrastinatejob/{job.pk}/" in found
    assert f"procrastinatejob/{other.pk}/" not in found


def run_jobs(*jobs: tuple[str, dict[str, Any]]) -> None:
    """Let a worker run these jobs, without PostgreSQL."""

    async def work() -> None:
        with app.replace_connector(InMemoryConnector()) as memory:
            async with memory.open_async():
                for name, arguments in jobs:
                    await memory.configure_task(name, queue="own").defer_async(**arguments)
                middleware: Any = [_run_in_context]
                await Worker(memory, queues=["own"], wait=False, worker_middleware=middleware).run()

    asyncio.run(work())


def test_what_a_worker_logs_about_a_job_has_the_id_of_its_request(caplog: pytest.LogCaptureFixture) -> None:
    caplog.handler.addFilter(RequestFilter())
    with caplog.at_level(logging.INFO, "procrastinate"):
        run_jobs(
            ("soukloop.core.tests.note_request", {"_context": {"request_id": CAUSE}}),
            ("soukloop.core.tests.note_request", {}),
        )
    logged = [
        record.__dict__["request_id"] for record in caplog.records if "ended with status" in record.message
    ]
    assert [each for each, _ in seen] == logged
    assert logged[0] == CAUSE
    assert logged[1].startswith("job-")


@pytest.mark.django_db
def test_a_job_that_a_job_enqueues_has_the_same_cause() -> None:
    app.tasks["soukloop.core.tests.enqueue_another"].func(_context={"request_id": CAUSE})
    assert ProcrastinateJob.objects.get().args == {"_context": {"request_id": CAUSE}}


@pytest.mark.django_db(transaction=True)
def test_an_event_carries_the_id_for_the_log_alone(
    cause: str,
    captured_events: Any,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
) -> None:

    with transaction.atomic():
        publish_on_commit("user.1", "error", {"code": "bad_frame", "message": "", "details": {}})
    [(_, _, data)] = captured_events
    assert CAUSE not in str(data)
    assert CAUSE in OutboxEntry.objects.get().messages
    settings.OUTBOX_SWEEP_AFTER = settings.OUTBOX_SWEEP_AFTER * 0
    monkeypatch.setattr("soukloop.realtime.outbox._has_redis_settled", lambda: True)
    request_id.set("")
    with caplog.at_level(logging.INFO, "soukloop.realtime.outbox"):
        assert publish_overdue() == 1
    assert f"of requests: {CAUSE}" in caplog.text
