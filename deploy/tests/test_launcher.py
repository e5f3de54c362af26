"""`make run` with its real servers: whatever ends it, it leaves no process."""

import os
import signal
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg
import pytest
import redis

from deploy.local import environment
from deploy.local.console import SetupError
from deploy.local.instance import Instance
from deploy.local.supervise import owned, stop
from deploy.tests.instances import Launcher, still_running, temporary_instance
from soukloop.realtime.testing.waiting import wait_until

pytestmark = pytest.mark.faults

# The real thing but for the application, which would take its seconds each time. The worker has a family.
WEB, WORKER = "python -m http.server $PORT", "sh -c 'sleep 62 & sleep 63'"
WITHOUT_APPLICATION = (
    "from deploy.local import run",
    "run._manage = lambda instance, env, command: ''",
    f"run.commands = lambda: {{'LOCAL_APP_COMMAND': {WEB!r}, 'LOCAL_WORKER_COMMAND': WORKER, "
    "'LOCAL_PACKAGER_COMMAND': 'sleep 61', 'LOCAL_PUSHER_COMMAND': 'sleep 60'}",
)


@pytest.fixture(scope="module")
def instance() -> Iterator[Instance]:
    with temporary_instance("selftest") as made:
        # An attempt to make a cluster that was cut short is no obstacle.
        (made.data / "postgres.new" / "base").mkdir(parents=True)
        yield made


def launch(instance: Instance, worker: str = WORKER) -> tuple[Launcher, dict[int, str]]:
    """Start without the application; returns the launcher and all processes."""
    stop(instance)  # what a test before this one left running
    launcher = Launcher(instance, f"WORKER = {worker!r}", *WITHOUT_APPLICATION)
    launcher.wait_until_ready()
    wait_until(lambda: "nginx: worker" in " ".join(launcher.family().values()), "nginx's worker", 30)
    return launcher, launcher.family()


def pid_of(processes: dict[int, str], word: str) -> int:
    return next(pid for pid, command in processes.items() if word in command)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_launcher_that_is_asked_to_end_leaves_no_process(instance: Instance, number: int) -> None:
    launcher, processes = launch(instance)
    launcher.process.send_signal(number)
    code, printed, complained = launcher.wait()
    log = instance.log("supervisord").read_text()

    assert (code, complained, still_running(processes)) == (0, "", [])
    assert printed.endswith("Stopped; nothing is left running.\n")
    # The stores are last.
    assert log.rindex("stopped: web") < min(log.rindex("stopped: postgres"), log.rindex("stopped: redis"))


@pytest.mark.parametrize("killed", [["-c"], ["supervisord"], ["-c", "supervisord"]])
def test_a_killed_launcher_or_supervisord_leaves_no_process(instance: Instance, killed: list[str]) -> None:
    launcher, processes = launch(instance)
    for word in killed:
        os.kill(pid_of(processes, word), signal.SIGKILL)
    launcher.wait()

    # The next one waits for the last process to end.
    with owned(instance):
        assert still_running(processes) == []


def test_the_servers_are_private_and_never_run_by_root(instance: Instance) -> None:
    launcher, processes = launch(instance)
    values = environment.read(instance.env_file)
    servers = ("bin/postgres", "redis-server", "nginx: master", "nginx: worker")
    owners = {Path(f"/proc/{pid_of(processes, word)}").stat().st_uid for word in servers}
    with psycopg.connect(values["DATABASE_URL"].replace("postgis:", "postgresql:")) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
        connection.execute("CREATE EXTENSION IF NOT EXISTS postgis")
    policy = redis.Redis.from_url(values["REDIS_URL"]).config_get("maxmemory-policy")
    assert policy == {"maxmemory-policy": "noeviction"}
    with pytest.raises(SetupError, match=f"already runs in this checkout .process {launcher.process.pid}"):
        owned(instance).__enter__()

    assert 0 not in owners
    assert stop(instance)
    assert launcher.wait()[0] == 0
    assert not stop(instance)


def test_a_killed_program_is_started_again_without_what_it_left(instance: Instance) -> None:
    launcher, processes = launch(instance)
    masters = {pid: command for pid, command in processes.items() if "nginx: master" in command}
    orphans = {pid: command for pid, command in processes.items() if "nginx: worker" in command}
    for master in masters:
        os.kill(master, signal.SIGKILL)

    wait_until(lambda: not still_running(orphans), "the orphans' end", 30)
    wait_until(lambda: " ".join(launcher.family().values()).count("nginx: master") == 2, "nginx", 30)
    launcher.process.terminate()
    _, printed, _ = launcher.wait()
    for name in ("ingest", "media"):
        assert f"exited: {name} (terminated by SIGKILL; not expected)" in printed


def test_a_program_that_keeps_dying_ends_everything_with_its_last_words(instance: Instance) -> None:
    launcher, processes = launch(instance, "echo my last words; exit 3")
    code, _, complained = launcher.wait()

    assert (code, still_running(processes)) == (1, [])
    assert "worker keeps ending as soon as it is started." in complained
    assert "my last words" in complained


def test_a_process_that_is_no_launcher_is_left_alone(instance: Instance) -> None:
    stop(instance)
    instance.lock.write_text(str(os.getppid()))

    with owned(instance):
        assert not stop(Instance("selftest-other"))


@pytest.mark.timeout(600)  # all tables are made: a minute and a half on a busy machine
def test_make_run_is_ready_soon_and_says_where_it_is() -> None:
    with temporary_instance("selftest-run") as instance:
        first = Launcher(instance)
        first.wait_until_ready()
        processes = first.family()
        values = environment.read(instance.env_file)
        on_loopback = listening_addresses(values)
        first.process.kill()
        wait_until(lambda: not still_running(processes), "the end of everything", 60)
        second = Launcher(instance, LISTEN_ADDRESS=environment.ALL_ADDRESSES)
        took = second.wait_until_ready()
        on_all, base_url = listening_addresses(values), environment.read(instance.env_file)["BASE_URL"]
        second.process.send_signal(signal.SIGINT)
        code, printed, _ = second.wait()

    assert all(
        pid_of(processes, word)
        for word in ("uvicorn", "run_worker", "run_packager", "run_push_sender", "nginx", "postgres", "redis")
    )
    assert took < 10 or os.getloadavg()[0] > 3  # others keep both cores busy
    assert on_loopback == {name: {environment.LOOPBACK} for name in environment.PORTS}
    assert on_all == {name: {environment.ALL_ADDRESSES} for name in environment.PORTS}
    assert base_url == f"http://{environment.own_address()}:{values['PORT']}"
    assert f"API         {base_url}/api/v1/" in printed
    assert "everybody on this network reaches this" in printed
    assert code == 0


def listening_addresses(values: Mapping[str, str]) -> dict[str, set[str]]:
    """Read from the kernel on which addresses somebody listens on each public port."""
    found: dict[str, set[str]] = {name: set() for name in environment.PORTS}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            address, port = line.split()[1].split(":")
            for name in found:
                if line.split()[3] == "0A" and int(port, 16) == int(values[name]):
                    family = socket.AF_INET if table == "tcp" else socket.AF_INET6
                    words = [bytes.fromhex(address[at : at + 8])[::-1] for at in range(0, len(address), 8)]
                    found[name].add(socket.inet_ntop(family, b"".join(words)))
    return found
