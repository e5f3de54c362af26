"""Processes: recorded, recognised, ended."""

import json
import signal
import subprocess
import time

import pytest

from deploy.local import ownership, processes
from deploy.local.places import Instance
from deploy.local.processes import Service
from deploy.tests.instances import marked, processes_of, wait_for


def start(instance: Instance, name: str, script: str, **options: float) -> "subprocess.Popen[bytes]":
    env = marked(instance.name)
    service = Service(name, ["sh", "-c", script], env=env, grace=options.get("grace", 3.0))
    return processes.start_logged(instance, service)


def test_a_process_that_took_over_a_recorded_number_is_skipped(instance: Instance) -> None:
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        processes.record(instance, "web", stranger.pid, stop_signal=signal.SIGTERM, grace=1)
        path = instance.records / "web.json"
        values = json.loads(path.read_text())
        path.write_text(json.dumps(values | {"started": values["started"] - 1}))

        assert ownership.end_all(instance) == 0
        assert stranger.poll() is None
        assert not path.exists()
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize("content", ["", "{", "null", "[]", '{"pid": 1}'])
def test_a_spoilt_record_is_no_process(instance: Instance, content: str) -> None:
    (instance.records / "web.json").write_text(content)

    assert processes.running(instance, "web") is None
    assert ownership.end_all(instance) == 0


def test_ending_takes_what_a_process_started_with_it(instance: Instance) -> None:
    process = start(instance, "worker", "sleep 60 & sleep 60 & wait")
    wait_for(lambda: len(processes_of(instance)) == 3, 60, "the family")

    assert ownership.end_all(instance) == 1
    assert processes_of(instance) == []
    assert process.wait() == -signal.SIGTERM


def test_a_process_that_does_not_want_to_end_is_killed_when_its_time_is_up(instance: Instance) -> None:
    process = start(instance, "worker", "trap '' TERM; echo up; while :; do sleep 0.1; done", grace=0.5)
    wait_for(lambda: "up" in instance.log("worker").read_text(), 60, "the trap")
    began = time.monotonic()

    ownership.end_all(instance)

    assert process.wait() == -signal.SIGKILL
    assert time.monotonic() - began > 0.4
    assert processes_of(instance) == []


def test_stores_end_after_the_processes_that_use_them(instance: Instance) -> None:
    order = instance.directory / "order"
    for name in ("postgres", "web", "redis"):
        start(
            instance, name, f"trap 'echo {name} >>{order}; exit' TERM; echo up; while :; do sleep 0.05; done"
        )
        wait_for(lambda name=name: "up" in instance.log(name).read_text(), 60, name)  # type: ignore[misc]

    ownership.end_all(instance)

    assert order.read_text().split()[0] == "web"
    assert sorted(order.read_text().split()) == ["postgres", "redis", "web"]
