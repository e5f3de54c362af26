"""What several processes count is added up, whatever becomes of each of them."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from prometheus_client import CollectorRegistry

from soukloop.core.metrics.files import MetricFiles

_COUNT = """
import os, sys
from soukloop.core.metrics import JOB_SECONDS, PROCESS_MEMORY, PROCESSES, PUSHES
def count():
    PUSHES.labels("fcm", "sent").inc(3)
    JOB_SECONDS.labels("a").observe(0.3)
    PROCESSES.labels("worker").set(1)
    PROCESS_MEMORY.labels("worker").set(1000)
count()
if "fork" in sys.argv:
    if child := os.fork():
        os.waitpid(child, 0)
    else:
        count()
        os._exit(0)
print("counted", flush=True)
sys.stdin.read()
"""

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    processes: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", _COUNT, *arguments],
            cwd=settings.BASE_DIR,
            env={**os.environ, "METRICS_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "soukloop.settings"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "counted\n"
        return process

    yield run
    for process in processes:
        kill(process)


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        pipe.close()


def values(folder: Path) -> dict[str, Any]:
    """Return what a scrape shows."""
    files, registry = MetricFiles(folder), CollectorRegistry()
    with files.locked():
        files.fold_dead()
        registry.register(files.collector())
        samples = [sample for metric in registry.collect() for sample in metric.samples]
    return {
        "pushes": [each.value for each in samples if each.name == "souk_pushes_total"],
        "jobs": [each.value for each in samples if each.name == "souk_job_duration_seconds_count"],
        "seconds": [each.value for each in samples if each.name == "souk_job_duration_seconds_sum"],
        "processes": [each.value for each in samples if each.name == "souk_processes"],
        "memory": [each.value for each in samples if each.name == "souk_process_resident_memory_bytes"],
    }


ONE = {"pushes": [3], "jobs": [1], "seconds": [0.3], "processes": [1], "memory": [1000]}


def test_a_killed_process_leaves_its_counts_and_none_of_its_gauges(start: Start, tmp_path: Path) -> None:
    first, _ = start(), start()
    assert values(tmp_path) == {
        "pushes": [6], "jobs": [2], "seconds": [0.6], "processes": [2], "memory": [1000, 1000]
    }  # fmt: skip
    kill(first)
    left = {"pushes": [6], "jobs": [2], "seconds": [0.6], "processes": [1], "memory": [1000]}
    assert values(tmp_path) == left
    assert values(tmp_path) == left
    assert len(list(tmp_path.glob("*.alive"))) == 1


def test_the_number_of_files_is_that_of_the_living_processes(start: Start, tmp_path: Path) -> None:
    start()
    for _ in range(3):
        kill(start())
    start()
    shown = values(tmp_path)
    assert (shown["pushes"], shown["jobs"], shown["processes"]) == ([15], [5], [2])
    kinds = ("counter", "histogram", "gauge_livesum", "gauge_liveall", "gauge_livemax")
    assert len(list(tmp_path.glob("*.db"))) <= 2 * len(kinds) + 2  # and the sums of those that ended


def test_a_process_that_is_killed_while_it_adds_up_counts_nothing_twice(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start()
    kill(start())
    steps: list[Any] = [MetricFiles._apply_journal, None]

    def killed(self: MetricFiles) -> None:
        if step := steps.pop(0):
            step(self)
        else:
            raise InterruptedError

    with monkeypatch.context() as patch:
        patch.setattr(MetricFiles, "_apply_journal", killed)
        with pytest.raises(InterruptedError):
            values(tmp_path)
    assert (tmp_path / "journal").exists()
    assert values(tmp_path)["pushes"] == [6]
    assert values(tmp_path)["pushes"] == [6]


def test_whoever_finds_nobody_alive_begins_from_nothing(start: Start, tmp_path: Path) -> None:
    kill(start())
    (tmp_path / "counter_of-an-earlier-version.db").write_bytes(b"?")
    start()
    assert values(tmp_path) == ONE


def test_a_forked_process_counts_beside_its_parent(start: Start, tmp_path: Path) -> None:
    start("fork")
    assert values(tmp_path) == ONE | {"pushes": [6], "jobs": [2], "seconds": [0.6]}
