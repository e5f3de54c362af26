"""The launcher's parts, with real processes: what it starts, what it says, and that it leaves nothing."""

import errno
import json
import os
import pwd
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local import (
    cli,
    environment,
    ownership,
    packages,
    places,
    ports,
    postgres,
    processes,
    tools,
    venv,
)
from deploy.local.console import CannotGoOn, Step
from deploy.local.interruptions import Ended, Interruptions
from deploy.local.places import ROOT, Instance
from deploy.local.processes import Service
from deploy.tests.instances import is_quiet, marked, processes_of, temporary_instance

NAME = "selftest"


@pytest.fixture
def instance() -> Iterator[Instance]:
    with temporary_instance(NAME) as made:
        yield made


def command(*words: str, **env: str) -> "subprocess.CompletedProcess[str]":
    """Run one of the launcher's commands, as a person would."""
    return subprocess.run(
        [sys.executable, "-m", "deploy.local", *words],
        cwd=ROOT,
        env={**marked(NAME), **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def wait_for(condition: Callable[[], object], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.05)


# --- One sentence, never a traceback ---------------------------------------------------------------


def assert_one_sentence(done: "subprocess.CompletedProcess[str]", *words: str) -> None:
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.strip()]
    for word in words:
        assert word in line


def test_a_busy_port_is_named_with_its_holder_and_the_way_out(instance: Instance) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        done = command("run", "--instance", NAME, PORT=str(port))

    assert_one_sentence(done, f"Port {port} (web) is in use", f"process {os.getpid()}", f"PORT={port + 1000}")
    assert processes_of(instance) == []


@pytest.mark.parametrize("port", ["http", "0", "70000", "-1", "8000.5", "٨٠٠٠"])
def test_what_is_no_port_is_refused(port: str) -> None:
    with pytest.raises(CannotGoOn, match="is no port"):
        ports.asked_port("PORT", {"PORT": port}, 8000)


def test_a_video_port_that_nobody_asked_for_steps_aside() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        taken = holder.getsockname()[1]

        assert ports.usual_port("RTMP_PORT", {}, taken) > taken
        assert ports.usual_port("RTMP_PORT", {"RTMP_PORT": str(taken)}, 1935) == taken


def test_a_database_that_does_not_answer_is_named_before_anything_starts(instance: Instance) -> None:
    free = ports.private_port(NAME, "nobody")
    done = command(
        *("run", "--instance", NAME),
        PORT=str(ports.private_port(NAME, "web")),
        DATABASE_URL=f"postgis://a:b@127.0.0.1:{free}/c",
    )

    assert_one_sentence(done, "DATABASE_URL is set, and nothing answers there")
    assert processes_of(instance) == []


def test_an_old_python_is_told_which_one_is_needed() -> None:
    script = (
        "import runpy, sys; sys.version_info = (3, 10, 12, 'final', 0); "
        "runpy.run_module('deploy.local', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)

    assert_one_sentence(done, "needs Python 3.11 or newer", "3.10", "PYTHON=")


def test_a_newer_patch_release_of_python_keeps_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    before = venv.made_with()
    monkeypatch.setattr(sys, "version", sys.version + " rebuilt")
    assert venv.made_with() == before
    monkeypatch.setattr(sys, "version_info", (3, 99, 0))
    assert venv.made_with() != before


def test_the_first_half_of_every_command_needs_no_package() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-S",
            "-I",
            "-c",
            f"import sys; sys.path.insert(0, {str(ROOT)!r}); import deploy.local.cli",
        ],
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "is full"), (errno.EACCES, "make clean"), (errno.EMFILE, "ulimit")],
)
def test_an_error_of_the_system_is_one_sentence(
    number: int, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(argv: list[str]) -> int:
        raise OSError(number, os.strerror(number), "somewhere")

    monkeypatch.setitem(cli.COMMANDS, "stop", fail)
    monkeypatch.setattr(cli.interruptions, "install", lambda: None)

    assert cli.main(["stop"]) == 1
    assert words in capsys.readouterr().err


def test_a_full_disk_is_recognised_in_a_tools_log(tmp_path: Path) -> None:
    script = "echo 'could not write: No space left on device' >&2; exit 1"
    with pytest.raises(CannotGoOn, match="The disk is full") as refusal:
        tools.run_logged(["sh", "-c", script], log=tmp_path / "log", failure="It failed.")

    assert str(tmp_path / "log") in refusal.value.sentence
    assert refusal.value.log is None


def test_a_disk_with_too_little_room_is_refused_at_once() -> None:
    with pytest.raises(CannotGoOn, match="is full"):
        places.require_space(10**9)


# --- System packages --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("is_root", "programs", "words"),
    [
        (True, [], "no apt-get, and it lacks Redis"),
        (
            False,
            ["apt-get"],
            "lacks Redis, and has no sudo: as root, `apt-get update && apt-get install redis-server`",
        ),
    ],
)
def test_without_the_means_to_install_the_missing_is_named(
    is_root: bool, programs: list[str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = packages.Need("Redis", is_there=False, packages=("redis-server",))
    monkeypatch.setattr(packages, "needs", lambda **kwargs: [missing])
    monkeypatch.setattr(packages, "find_program", lambda name: name if name in programs else None)
    monkeypatch.setattr(packages, "is_root", lambda: is_root)

    with pytest.raises(CannotGoOn) as refusal, Step("packages") as step:
        packages.ensure(step)
    assert words in refusal.value.sentence


def test_servers_that_run_elsewhere_are_not_installed_here() -> None:
    listed = {need.what for need in packages.needs(postgres=False, redis=False)}

    assert "Redis" not in listed
    assert "PostgreSQL with PostGIS" not in listed
    assert "GDAL" in listed


def test_the_installer_starts_nothing_and_tidies_up(tmp_path: Path) -> None:
    # The real script in a make-believe machine: its paths and apt-get are replaced, its logic is not.
    script = packages.INSTALLER.read_text()
    script = script.replace("/usr/sbin/policy-rc.d", f"{tmp_path}/policy-rc.d")
    script = script.replace("/etc/postgresql-common", f"{tmp_path}/postgresql-common")
    stub = tmp_path / "bin" / "apt-get"
    stub.parent.mkdir()
    stub.write_text(
        f'#!/bin/sh\necho "$@" >>{tmp_path}/asked\n'
        f"{tmp_path}/policy-rc.d; echo policy $? >>{tmp_path}/asked\n"
        f"cat {tmp_path}/postgresql-common/createcluster.d/soukloop.conf >>{tmp_path}/asked\n"
        'test "$3" = update\n'
    )
    stub.chmod(0o755)
    (tmp_path / "bin" / "systemctl").symlink_to("/bin/true")
    (tmp_path / "install.sh").write_text(script)
    env = {"PATH": f"{tmp_path}/bin:{os.defpath}"}
    done = subprocess.run(
        ["sh", tmp_path / "install.sh", "redis-server"], env=env, capture_output=True, text=True
    )
    asked = (tmp_path / "asked").read_text()

    assert done.returncode != 0  # our apt-get refused the installation
    assert asked.count("policy 101") == asked.count("create_main_cluster = false") == 2
    assert "install --yes --no-install-recommends --no-upgrade redis-server" in asked
    assert not (tmp_path / "policy-rc.d").exists()
    assert not (tmp_path / "postgresql-common/createcluster.d/soukloop.conf").exists()


# --- Who runs what, and where ------------------------------------------------------------------------


def test_root_never_runs_a_server_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "is_root", lambda: True)
    assert places.server_user("nobody") == "nobody"
    with pytest.raises(CannotGoOn, match="No server runs as root"):
        places.server_user("no-such-user")

    monkeypatch.setattr(places, "is_root", lambda: False)
    assert places.server_user("nobody") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can try another user's permissions")
def test_data_leave_a_checkout_that_the_servers_users_cannot_enter(
    instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "SHELTER", tmp_path / "shelter")
    monkeypatch.setattr(places, "may_enter", lambda directory, user: False)

    assert Instance(NAME).data == tmp_path / "shelter" / NAME


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can try another user's permissions")
def test_a_directory_of_roots_alone_cannot_be_entered_by_others(tmp_path: Path) -> None:
    inside = tmp_path / "checkout"
    inside.mkdir()
    tmp_path.chmod(0o700)

    assert not places.may_enter(inside, "www-data")
    assert places.may_enter(Path("/usr"), "www-data")


def test_a_shelter_that_somebody_else_prepared_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "shelter").symlink_to(tmp_path / "elsewhere")
    monkeypatch.setattr(places, "SHELTER", tmp_path / "shelter")

    with pytest.raises(CannotGoOn, match="is not ours"):
        places.make_shelter()


@pytest.mark.parametrize("name", ["", "../run", "Run", "log", "a/b", "-x", "x" * 40])
def test_an_instance_has_a_name_that_is_safe_as_a_directory(name: str) -> None:
    with pytest.raises(CannotGoOn):
        Instance(name)


# --- The environment ---------------------------------------------------------------------------------


def test_the_environment_file_reads_the_same_in_a_shell_and_in_python(tmp_path: Path) -> None:
    values = dict.fromkeys(environment.WRITTEN, "x") | {
        "ALLOWED_HOSTS": "localhost,[::1]",
        "SECRET_KEY": 'a\'b "c" $d `e` #f',
    }
    path = tmp_path / "env"
    environment.write(path, values)
    script = f'. {path}; printf \'%s\\n%s\' "$ALLOWED_HOSTS" "$SECRET_KEY"'
    sourced = subprocess.run(["sh", "-c", script], capture_output=True, text=True).stdout.splitlines()

    assert sourced == [values["ALLOWED_HOSTS"], values["SECRET_KEY"]]
    assert environment.read(path)["ALLOWED_HOSTS"] == values["ALLOWED_HOSTS"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_the_person_set_wins_in_make_run_and_nowhere_else(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "network_address", lambda: "")
    person = {
        "DATABASE_URL": "postgis://theirs",
        "PORT": "9000",
        "BASE_URL": "https://tunnel.example",
        "ALLOWED_HOSTS": "tunnel.example",
    }
    ours = {"DATABASE_URL": "postgis://ours", "REDIS_URL": "redis://ours"}

    run = environment.of_run(instance, person, ours)
    private = environment.of_private(instance, ours)

    assert (run["DATABASE_URL"], run["REDIS_URL"]) == ("postgis://theirs", "redis://ours")
    assert (run["PORT"], run["BASE_URL"]) == ("9000", "https://tunnel.example")
    assert run["ALLOWED_HOSTS"] == "tunnel.example,127.0.0.1"
    assert private["DATABASE_URL"] == "postgis://ours"
    assert private["BASE_URL"] == f"http://127.0.0.1:{private['PORT']}"


def test_secrets_are_kept_from_start_to_start_and_differ_between_instances(instance: Instance) -> None:
    first = instance.secret("SECRET_KEY")

    assert Instance(NAME).secret("SECRET_KEY") == first
    assert instance.secret("MEDIA_SECRET") != first
    assert len(first) >= 50
    assert (instance.directory / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_instances_have_ports_of_their_own_that_stay() -> None:
    assert ports.private_port("one", "redis") == ports.private_port("one", "redis")
    assert len({ports.private_port(name, "redis") for name in ("run", "test", "bench", "check")}) == 4


# --- Processes: recorded, recognised, ended -------------------------------------------------------------


def start(instance: Instance, name: str, script: str, **options: float) -> "subprocess.Popen[bytes]":
    env = marked(instance.name)
    service = Service(name, ["sh", "-c", script], env=env, grace=options.get("grace", 3.0))
    return processes.start_logged(instance, service)


def test_a_process_that_took_over_a_recorded_number_is_left_alone(instance: Instance) -> None:
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


# --- The launcher and its end ---------------------------------------------------------------------------


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


# --- With the real servers ------------------------------------------------------------------------------


def test_services_start_answer_and_stop(instance: Instance) -> None:
    started = command("services", "start", "--instance", NAME)
    assert started.returncode == 0, started.stdout + started.stderr
    values = environment.read(instance.env_file)
    again = command("services", "start", "--instance", NAME)
    answer = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os, psycopg, redis; "
            "c = psycopg.connect(os.environ['DATABASE_URL'].replace('postgis:', 'postgresql:')); "
            "c.execute('CREATE EXTENSION postgis'); print(c.execute('SHOW fsync').fetchone()[0]); "
            "r = redis.Redis.from_url(os.environ['REDIS_URL']); print(r.config_get('maxmemory-policy'))",
        ],
        env={**os.environ, **values},
        capture_output=True,
        text=True,
    )
    owners = {
        name: pwd.getpwuid(os.stat(f"/proc/{entry.identity.pid}").st_uid).pw_name
        for name in ownership.STORES
        if (entry := processes.running(instance, name))
    }
    stopped = command("services", "stop", "--instance", NAME)

    assert "runs already" in again.stdout
    assert answer.stdout.split("\n")[:2] == ["on", "{'maxmemory-policy': 'noeviction'}"], answer.stderr
    assert set(owners) == {"postgres", "redis"}
    assert "root" not in owners.values()
    assert stopped.returncode == 0
    assert processes_of(instance) == []


def test_a_cluster_cut_short_while_it_was_made_is_made_anew(instance: Instance) -> None:
    half = instance.data / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("15\n")

    with Step("postgres") as step:
        process = postgres.Postgres(instance).start(step)
    ownership.end_all(instance)

    assert process.wait(timeout=10) == 0
    assert not half.exists()
    assert (instance.data / "postgres" / "PG_VERSION").exists()


def test_make_run_is_ready_soon_shows_where_it_is_and_is_gone_when_killed(instance: Instance) -> None:
    web, rtmp, video = (str(ports.private_port(NAME, purpose)) for purpose in ("web", "rtmp", "media"))
    env = {**marked(NAME), "PORT": web, "RTMP_PORT": rtmp, "MEDIA_PORT": video}
    for name in ("DATABASE_URL", "REDIS_URL", "BASE_URL", "RTMP_URL", "MEDIA_URL", "MEDIA_ROOT"):
        env.pop(name, None)

    def run() -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.local", "run", "--instance", NAME],
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if line.startswith("Ready."):
                return process
        raise AssertionError(said)

    first = run()
    owners = {
        entry.name: pwd.getpwuid(os.stat(f"/proc/{entry.identity.pid}").st_uid).pw_name
        for entry in processes.records(instance)
    }
    first.kill()
    first.communicate()
    wait_for(lambda: processes_of(instance) == [], 60, "the end of everything")

    began = time.monotonic()
    second = run()
    took = time.monotonic() - began
    values = environment.read(instance.env_file)
    second.send_signal(signal.SIGINT)
    said, _ = second.communicate(timeout=60)

    assert {"web", "worker", "media", "postgres", "redis"} <= set(owners)
    assert "root" not in {owners[name] for name in ("media", "postgres", "redis")}
    assert took < 10 or not is_quiet()
    assert values["BASE_URL"] == f"http://localhost:{web}"
    assert said.rstrip().endswith("Stopped; nothing is left running.")
    assert second.returncode == 0
    assert processes_of(instance) == []
