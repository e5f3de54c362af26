"""The launcher with processes of a moment: whatever ends it, it leaves nothing."""

import signal
import subprocess
import sys
import textwrap

import pytest

from deploy.local import ownership, processes
from deploy.local.console import CannotGoOn
from deploy.local.interruptions import Ended, Interruptions
from deploy.local.places import ROOT, Instance
from deploy.tests.instances import marked, processes_of, wait_for


def test_an_interruption_is_put_off_while_something_must_not_be_torn() -> None:
    interruptions = Interruptions()
    finished = []

    def write_down() -> None:
        with interruptions.held():
            interruptions.handle(signal.SIGTERM, None)
            finished.append(True)

    with pytest.raises(Ended):
        write_down()
    assert finished
    assert interruptions.received == signal.SIGTERM


LAUNCHER = textwrap.dedent(
    """
    import os, sys
    from deploy.local import ownership
    from deploy.local.console import CannotGoOn, complain
    from deploy.local.interruptions import Ended, interruptions
    from deploy.local.places import Instance
    from deploy.local.processes import Service
    from deploy.local.supervisor import Supervisor

    interruptions.install()
    instance = Instance(sys.argv[1])
    try:
        with ownership.owned(instance):
            supervisor = Supervisor(instance)
            supervisor.start(Service("web", ["sh", "-c", "sleep 61 & sleep 60"]))
            supervisor.start(Service("worker", ["sh", "-c", sys.argv[2]]))
            print("up", flush=True)
            supervisor.watch()
    except Ended:
        print("ended", flush=True)
    except CannotGoOn as error:
        complain(error)
        sys.exit(1)
    """
)
PATIENT = "while :; do sleep 0.1; done"


def launch(instance: Instance, worker: str = PATIENT) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, instance.name, worker],
        cwd=ROOT,
        env=marked(instance.name),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_launcher_that_is_asked_to_end_leaves_no_process(
    instance: Instance, number: signal.Signals
) -> None:
    launcher = launch(instance)
    launcher.send_signal(number)

    assert launcher.communicate(timeout=60) == ("ended\n", "")
    assert launcher.returncode == 0
    assert processes_of(instance) == []
    assert processes.records(instance) == []


def test_a_launcher_that_is_killed_outright_leaves_no_process(instance: Instance) -> None:
    launcher = launch(instance)
    launcher.kill()
    launcher.communicate()

    wait_for(lambda: processes_of(instance) == [], 60, "the end of everything")


def test_what_a_killed_launcher_and_keeper_left_is_ended_by_the_next_start(instance: Instance) -> None:
    launcher = launch(instance)
    keeper = processes.running(instance, ownership.KEEPER)
    assert keeper is not None
    keeper.signal(signal.SIGKILL)
    launcher.kill()
    launcher.communicate()
    left = set(processes_of(instance))
    assert left

    second = launch(instance)
    try:
        assert not left & set(processes_of(instance))
    finally:
        second.terminate()
        second.communicate(timeout=60)
    assert processes_of(instance) == []


def test_a_second_launcher_says_who_is_there(instance: Instance) -> None:
    first = launch(instance)
    try:
        with pytest.raises(CannotGoOn, match=f"already runs in this checkout .process {first.pid}"):
            ownership.owned(instance).__enter__()
        assert first.poll() is None
    finally:
        first.terminate()
        first.communicate(timeout=60)


def test_a_process_that_dies_is_started_again(instance: Instance) -> None:
    launcher = launch(instance)
    worker = processes.running(instance, "worker")
    assert worker is not None
    worker.signal(signal.SIGKILL)
    assert launcher.stdout is not None

    assert "worker was killed by signal 9; starting it again." in launcher.stdout.readline()
    wait_for(lambda: processes.running(instance, "worker"), 60, "the new worker")
    launcher.terminate()
    launcher.communicate(timeout=60)
    assert processes_of(instance) == []


def test_a_process_that_keeps_dying_ends_everything_with_its_last_words(instance: Instance) -> None:
    launcher = launch(instance, "echo my last words; exit 3")
    _, complaint = launcher.communicate(timeout=60)

    assert launcher.returncode == 1
    assert "worker ended with code 3, for the 5th time in a minute." in complaint
    assert "my last words" in complaint
    assert processes_of(instance) == []


def test_stop_ends_a_launcher_from_outside_and_says_when_there_is_none(instance: Instance) -> None:
    launcher = launch(instance)

    assert ownership.stop(instance)
    assert launcher.communicate(timeout=60) == ("ended\n", "")
    assert processes_of(instance) == []
    assert not ownership.stop(instance)
