"""`manage.py jobs`: every task with what it is for, and what has become of its jobs."""

import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from soukloop.core.jobs.listing import markdown_table, registered_tasks
from soukloop.core.tests.factories import make_job

pytestmark = pytest.mark.django_db
TASK = "accounts.deliver_code"


def jobs(*arguments: str) -> str:
    out = StringIO()
    call_command("jobs", *arguments, stdout=out)
    return out.getvalue()


def add_event(job_id: int, kind: str, seconds_ago: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_events (job_id, type, at)"
            " VALUES (%s, %s, now() - make_interval(secs => %s))",
            [job_id, kind, seconds_ago],
        )


def state(task: str = TASK) -> dict[str, Any]:
    return next(each for each in json.loads(jobs("--json"))["tasks"] if each["name"] == task)


def test_each_task_says_in_one_sentence_what_it_is_for() -> None:
    tasks = [task for task in registered_tasks() if ".tests." not in task.name]
    assert len(tasks) > 25
    for task in tasks:
        assert task.purpose.endswith("."), task.name
    assert [task.name for task in tasks if task.schedule] == [task.name for task in tasks][
        : len([task for task in tasks if task.schedule])
    ]


def test_each_periodic_task_has_a_queueing_lock_so_that_it_never_queues_behind_itself() -> None:
    from procrastinate.contrib.django import app  # noqa: PLC0415 - after the tasks are imported

    for task in registered_tasks():
        if task.schedule:
            assert app.tasks[task.name].queueing_lock == task.name


def test_operations_page_lists_the_periodic_tasks_as_they_are_registered() -> None:
    page = (Path(settings.BASE_DIR) / "docs/operations.md").read_text()
    assert markdown_table() in page, "put what `manage.py jobs --table` prints into it"


def test_the_state_of_jobs_is_that_of_their_rows() -> None:
    make_job()
    make_job(scheduled_at="2999-01-01")
    make_job(status="doing")
    failed = make_job(status="failed")
    add_event(failed.pk, "started", 100)
    add_event(failed.pk, "deferred_for_retry", 95)
    add_event(failed.pk, "started", 80)
    add_event(failed.pk, "failed", 60)
    shown = state()
    counts = [shown[name] for name in ("waiting", "scheduled", "running", "failed")]
    assert counts == [1, 1, 1, 1]
    assert (shown["last_result"], shown["schedule"]) == ("failed", "")
    assert shown["last_took_seconds"] == pytest.approx(20, abs=0.5)
    whole = json.loads(jobs("--json"))
    assert (whole["waiting"], whole["running"], whole["failed"]) == (1, 1, 1)


def test_a_task_that_never_ran_and_one_that_is_gone_are_shown() -> None:
    make_job(task_name="livestream.removed_long_ago", status="failed")
    assert state()["last_ended_at"] is None
    assert state("livestream.removed_long_ago")["failed"] == 1


def test_a_terminal_shows_the_queue_first_and_then_a_line_for_each_task() -> None:
    make_job()
    lines = jobs().splitlines()
    assert re.fullmatch(r"1 jobs wait, the oldest for \d+ s; 0 run; 0 have failed\.", lines[0])
    [line] = [line for line in lines if line.startswith(TASK)]
    assert re.search(r" 1 +\d+ s .*never .*Send a one-time code by email or text message\.$", line)
    assert jobs("--table").startswith("| task | runs |")
