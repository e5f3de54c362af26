"""`make run` with its real servers: whatever ends it, it leaves no process."""

import os
import pwd
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from deploy.local import environment
from deploy.local.console import SetupError
from deploy.local.instance import Instance
from deploy.local.supervise import owned, stop
from deploy.tests.instances import Launcher, family, is_quiet, temporary_instance, wait_for, wait_until_gone

pytestmark = pytest.mark.xdist_group("launcher")

# The real thing but for the application, which would take its seconds each time.
WITHOUT_APPLICATION = (
    "from deploy.local import run",
    "run._migrate = lambda *words: False",
    "run._seed = lambda *words, **options: 'demo'",
    "run._web_trouble = lambda port: ''",
    "run.commands = lambda: {'LOCAL_WEB_COMMAND': 'sleep 61', 'LOCAL_WORKER_COMMAND': WORKER}",
)
FAMILY = "sh -c 'sleep 62 & sleep 63'"


@pytest.fixture(scope="module")
def instance() -> Iterator[Instance]:
    with temporary_instance("selftest") as made:
        # An attempt to make a cluster that was cut short is no obstacle.
        (made.data / "postgres.new" / "base").mkdir(parents=True)
        yield made


@pytest.fixture(autouse=True)
def end_what_runs(instance: Instance) -> Iterator[None]:
    yield
    stop(instance)


def launch(instance: Instance, worker: str = FAMILY) -> tuple[Launcher, dict[int, str]]:
    """Start without the application; returns the launcher and all processes."""
    launcher = Launcher(instance, f"WORKER = {worker!r}", *WITHOUT_APPLICATION)
    launcher.wait_until_ready()
    wait_for(lambda: "nginx: worker" in " ".join(family(launcher.process.pid).values()), 30, "nginx's worker")
    return launcher, family(launcher.process.pid)


def pid_of(processes: dict[int, str], word: str) -> int:
    return next(pid for pid, command in processes.items() if word in command)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_launcher_that_is_asked_to_end_leaves_no_process(
    instance: Instance, number: signal.Signals
) -> None:
    launcher, processes = launch(instance)
    launcher.process.send_signal(number)
    code, printed, complained = launcher.wait()

    assert (code, complained) == (0, "")
    assert printed.endswith("Stopped; nothing is left running.\n")
    wait_until_gone(processes, seconds=0)
    ended = [line for line in instance.log("supervisord").read_text().splitlines() if "stopped:" in line]
    assert {word for line in ended[-2:] for word in ("postgres", "redis") if word in line} == {
        "postgres",
        "redis",
    }


@pytest.mark.parametrize("killed", [["-c"], ["supervisord"], ["-c", "supervisord"]])
def test_a_killed_launcher_or_supervisord_leaves_no_process(instance: Instance, killed: list[str]) -> None:
    launcher, processes = launch(instance)
    for word in killed:
        os.kill(pid_of(processes, word), signal.SIGKILL)
    launcher.wait()

    # Who comes next waits for the last one to end.
    with owned(instance):
        wait_until_gone(processes, seconds=1)


def test_the_servers_are_private_and_never_run_by_root(instance: Instance) -> None:
    launcher, processes = launch(instance)
    values = environment.read(instance.env_file)
    owners = {
        word: pwd.getpwuid(Path(f"/proc/{pid_of(processes, word)}").stat().st_uid).pw_name
        for word in ("bin/postgres", "redis-server", "nginx: master", "nginx: worker")
    }
    with psycopg.connect(values["DATABASE_URL"].replace("postgis:", "postgresql:")) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
        connection.execute("CREATE EXTENSION postgis")
    policy = redis.Redis.from_url(values["REDIS_URL"]).config_get("maxmemory-policy")
    with pytest.raises(SetupError, match=f"already runs in this checkout .process {launcher.process.pid}"):
        owned(instance).__enter__()

    assert "root" not in owners.values()
    assert policy == {"maxmemory-policy": "noeviction"}
    assert stop(instance)
    assert launcher.wait()[0] == 0
    assert not stop(instance)


def test_a_killed_program_is_started_again_without_what_it_left(instance: Instance) -> None:
    launcher, processes = launch(instance)
    orphan = pid_of(processes, "nginx: worker")
    os.kill(pid_of(processes, "nginx: master"), signal.SIGKILL)

    wait_until_gone({orphan: processes[orphan]})
    wait_for(
        lambda: len([1 for c in family(launcher.process.pid).values() if "nginx: worker" in c]) == 1,
        30,
        "nginx",
    )
    launcher.process.terminate()
    _, printed, _ = launcher.wait()
    assert "exited: media (terminated by SIGKILL; not expected)" in printed


def test_a_program_that_keeps_dying_ends_everything_with_its_last_words(instance: Instance) -> None:
    launcher, processes = launch(instance, "echo my last words; exit 3")
    code, _, complained = launcher.wait()

    assert code == 1
    assert "worker keeps ending as soon as it is started." in complained
    assert "my last words" in complained
    wait_until_gone(processes, seconds=0)


@pytest.mark.parametrize("content", ["", "null", str(os.getppid())])
def test_a_number_that_is_no_launcher_s_is_left_alone(instance: Instance, content: str) -> None:
    instance.lock.write_text(content)

    assert not stop(instance)
    with owned(instance):
        pass


@pytest.mark.timeout(300)  # all tables are made: a minute on a busy machine
def test_make_run_is_ready_soon_and_says_where_it_is() -> None:
    programs = ("uvicorn", "procrastinate", "nginx", "postgres", "redis")
    with temporary_instance("selftest-run") as instance:
        first = Launcher(instance)
        first.wait_until_ready()
        processes = family(first.process.pid)
        first.process.kill()
        wait_until_gone(processes)
        second = Launcher(instance)
        took = second.wait_until_ready()
        values = environment.read(instance.env_file)
        second.process.send_signal(signal.SIGINT)
        code, printed, _ = second.wait()

        assert all(pid_of(processes, word) for word in programs)
        assert took < 10 or not is_quiet()
        assert values["BASE_URL"] == f"http://localhost:{values['PORT']}"
        assert f"API         {values['BASE_URL']}/api/v1/" in printed
        assert code == 0
