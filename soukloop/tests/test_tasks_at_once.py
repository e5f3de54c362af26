"""Every background task may run on two workers at the same moment: the rows are those of one run."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import DatabaseError, connections

from soukloop.core.errors import DomainError
from soukloop.realtime.models import OutboxEntry
from soukloop.tests.test_tasks_twice import SCENES, Arguments, fresh_scene, no_media_server, rows, run

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["no_media_server"]  # a fixture of all tests there and here

# What Procrastinate does itself.
_ALONE = {"core.delete_old_records", "core.reap_stalled_jobs"}


def run_as_workers_do(name: str, arguments: Arguments, barrier: Barrier) -> None:
    """Run a task, and again if it met what the other run had just done, as `RetryFailures` has it."""
    try:
        barrier.wait(20)
        try:
            run(name, arguments)
        except (DatabaseError, DomainError):
            run(name, arguments)
    finally:
        connections.close_all()


def kept_rows() -> Counter[Any]:
    """Count all rows but the outbox's, which go as soon as their events are published."""
    outbox = OutboxEntry._meta.label
    return Counter({key: number for key, number in rows().items() if key[0] != outbox})


@pytest.mark.parametrize("name", sorted(SCENES.keys() - _ALONE))
def test_a_task_that_two_workers_run_at_once_changes_what_one_run_does(name: str) -> None:
    with fresh_scene():
        arguments = SCENES[name]()
        run(name, arguments)
        expected = kept_rows()
    arguments = SCENES[name]()
    barrier = Barrier(2)
    with ThreadPoolExecutor(2) as workers:
        runs = [workers.submit(run_as_workers_do, name, arguments, barrier) for _ in range(2)]
        for each in runs:
            each.result(timeout=60)
    assert kept_rows() == expected
