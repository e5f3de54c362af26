"""What the launcher needs, what it is configured with, and its one sentence when it cannot start."""

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import cli, environment, setup
from deploy.local import instance as instances
from deploy.local.console import SetupError, complain, run_logged
from deploy.local.instance import ROOT, Instance, public_port
from deploy.tests.instances import Launcher, temporary_instance

MISSING = {"no-such-package": "no-such-program"}


@pytest.fixture
def instance() -> Iterator[Instance]:
    with temporary_instance("selftest-setup") as made:
        yield made


def assert_one_sentence(code: int, printed: str, complained: str, *words: str) -> None:
    (line,) = [line for line in complained.splitlines() if line.strip()]
    assert (code, printed) == (1, "")
    assert all(word in line for word in words), line


def test_a_busy_port_is_named_with_its_holder_and_the_way_out(instance: Instance) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        result = Launcher(instance, PORT=str(port)).wait()

    assert_one_sentence(
        *result, f"Port {port} is in use", f"process {os.getpid()}", "choose another with `PORT="
    )


def test_a_database_that_does_not_answer_is_named_before_anything_starts(instance: Instance) -> None:
    free = instance.private_port("nobody")
    result = Launcher(instance, DATABASE_URL=f"postgis://a:b@127.0.0.1:{free}/c").wait()

    assert_one_sentence(*result, "DATABASE_URL is set, and nothing answers there")


@pytest.mark.parametrize("port", ["http", "0", "70000", "-1", "8000.5", "٨٠٠٠"])
def test_what_is_no_port_is_refused(port: str) -> None:
    with pytest.raises(SetupError, match="is no port"):
        public_port("PORT", {"PORT": port}, 8000)


def test_a_video_port_that_nobody_asked_for_moves_to_a_free_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        taken = holder.getsockname()[1]

        assert public_port("RTMP_PORT", {}, taken, may_move=True) > taken
        with pytest.raises(SetupError, match="in use"):
            public_port("RTMP_PORT", {"RTMP_PORT": str(taken)}, 1935, may_move=True)


def test_an_old_python_is_refused_with_the_version_that_is_needed() -> None:
    script = (
        "import runpy, sys; sys.version_info = (3, 10, 12, 'final', 0); "
        "runpy.run_module('deploy.local', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)

    assert_one_sentence(
        done.returncode, done.stdout, done.stderr, "needs Python 3.11 or newer", "3.10", "PYTHON="
    )


def test_a_newer_patch_release_of_python_keeps_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    before = setup.made_with()
    monkeypatch.setattr(sys, "version", sys.version + " rebuilt")
    assert setup.made_with() == before
    monkeypatch.setattr(sys, "version_info", (3, 99, 0))
    assert setup.made_with() != before


def test_the_first_half_of_every_command_needs_no_package() -> None:
    script = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import deploy.local.cli"
    done = subprocess.run([sys.executable, "-S", "-I", "-c", script], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "No space left"),
        (errno.EACCES, "Permission denied"),
        (errno.EMFILE, "Too many open files"),
    ],
)
def test_an_error_of_the_system_is_one_sentence(
    number: int, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(number, os.strerror(number), "somewhere")

    monkeypatch.setattr(cli, "stop", fail)
    monkeypatch.setattr(cli, "interrupt_on_signals", lambda: None)
    monkeypatch.setattr(os, "chdir", lambda path: None)
    monkeypatch.delenv("MAKELEVEL", raising=False)

    assert_one_sentence(cli.main(["stop"]), *capsys.readouterr(), words)


def test_a_full_disk_is_recognised_in_a_tools_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = "echo 'could not write: No space left on device' >&2; exit 1"
    with pytest.raises(SetupError) as error:
        run_logged(["sh", "-c", script], log=tmp_path / "log", failure="It failed.")
    complain(error.value)

    assert_one_sentence(1, *capsys.readouterr(), "The disk is full", str(tmp_path / "log"))


def test_a_disk_with_too_little_room_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "SPACE_MB", 10**9)
    with pytest.raises(SetupError, match="is full"):
        cli._set_up("run", [])


def test_servers_that_run_elsewhere_are_not_installed_here(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def install(needed: dict[str, str]) -> None:
        asked.extend(needed)
        sys.exit()

    monkeypatch.setattr(setup, "install_packages", install)
    monkeypatch.setenv("DATABASE_URL", "postgis://theirs")
    monkeypatch.setenv("REDIS_URL", "redis://theirs")
    with pytest.raises(SystemExit):
        cli._set_up("run", [])

    assert not {*setup.POSTGRES, *setup.REDIS} & set(asked)
    assert "gdal-bin" in asked


@pytest.mark.parametrize(
    ("is_root", "programs", "words"),
    [
        (True, [], "lacks no-such-package, and has no apt-get"),
        (False, ["apt-get"], "has no sudo: as root, `apt-get update && apt-get install no-such-package`"),
    ],
)
def test_without_the_means_to_install_the_missing_is_named(
    is_root: bool, programs: list[str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: name if name in programs else None)
    monkeypatch.setattr(os, "geteuid", lambda: 0 if is_root else 1000)

    with pytest.raises(SetupError, match=words):
        setup.install_packages(MISSING)


def test_the_installer_starts_nothing_and_tidies_up(tmp_path: Path) -> None:
    # The real script in a make-believe machine: its paths and apt-get are replaced, its logic is not.
    script = setup.INSTALLER.read_text()
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
    done = subprocess.run(["sh", tmp_path / "install.sh", "redis-server"], env=env, capture_output=True)
    asked = (tmp_path / "asked").read_text()

    assert done.returncode != 0  # our apt-get refused the installation
    assert asked.count("policy 101") == asked.count("create_main_cluster = false") == 2
    assert "install --yes --no-install-recommends --no-upgrade redis-server" in asked
    assert not (tmp_path / "policy-rc.d").exists()
    assert not (tmp_path / "postgresql-common/createcluster.d/soukloop.conf").exists()


def test_uv_gets_the_registry_that_pip_is_configured_with_its_environment_first() -> None:
    listed = (
        ":env:.find-links='/wheels /more'\n"
        "global.cert='/etc/ca.crt'\n"
        "global.extra-index-url='\\nhttps://one.example/simple\\nfile:///two'\n"
        "global.find-links='/not-this'\n"
        "global.index-url='https://not-this.example/simple'\n"
        "install.index-url='https://index.example/simple'\n"
        "global.trusted-host='index.example'\n"
    )

    assert setup.uv_settings(listed) == {
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_SYSTEM_CERTS": "1",
        "UV_DEFAULT_INDEX": "https://index.example/simple",
        "UV_INDEX": "https://one.example/simple file:///two",
        "UV_FIND_LINKS": "/wheels,/more",
        "UV_INSECURE_HOST": "index.example",
        "SSL_CERT_FILE": "/etc/ca.crt",
    }


def test_root_never_runs_a_server_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert instances.server_user("nobody") == "nobody"
    with pytest.raises(SetupError, match="No server runs as root"):
        instances.server_user("no-such-user")

    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert instances.server_user("nobody") == ""


def test_data_leave_a_checkout_that_only_root_may_enter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instances, "ROOT", tmp_path / "checkout")
    (tmp_path / "checkout").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    tmp_path.chmod(0o700)

    assert Instance("run").data == instances.FALLBACK_DATA_DIR / "run"
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert Instance("run").data == instances.LOCAL / "run"


def test_the_environment_file_reads_the_same_in_a_shell_and_in_python(tmp_path: Path) -> None:
    values = {"ALLOWED_HOSTS": "localhost,[::1]", "SECRET_KEY": 'a\'b "c" $d `e` #f'}
    path = tmp_path / "env"
    environment.write(path, values)
    script = f'. {path}; printf \'%s\\n%s\' "$ALLOWED_HOSTS" "$SECRET_KEY"'
    sourced = subprocess.run(["sh", "-c", script], capture_output=True, text=True).stdout.splitlines()

    assert sourced == [values["ALLOWED_HOSTS"], values["SECRET_KEY"]]
    assert environment.read(path)["ALLOWED_HOSTS"] == values["ALLOWED_HOSTS"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_the_person_set_wins_in_make_run_and_nowhere_else(instance: Instance) -> None:
    port = str(instance.private_port("theirs"))
    person = {"PORT": port, "BASE_URL": "https://tunnel.example", "ALLOWED_HOSTS": "tunnel.example"}
    urls = {"DATABASE_URL": "postgis://ours", "REDIS_URL": "redis://ours"}
    theirs = person | {"DATABASE_URL": "postgis://theirs"}

    run = environment.of_run(instance, theirs, urls)
    private = environment.of_private(instance, urls)

    assert run | theirs | {"ALLOWED_HOSTS": "tunnel.example,127.0.0.1"} == run
    assert run["REDIS_URL"] == "redis://ours"
    assert private["DATABASE_URL"] == "postgis://ours"
    assert private["BASE_URL"] == f"http://127.0.0.1:{private['PORT']}"


def test_secrets_are_kept_from_start_to_start_and_differ_between_instances(instance: Instance) -> None:
    first = instance.secret("SECRET_KEY")

    assert Instance(instance.name).secret("SECRET_KEY") == first
    assert instance.secret("MEDIA_SECRET") != first
    assert len(first) >= 50
    assert (instance.directory / "secret").stat().st_mode & 0o777 == 0o600


def test_instances_have_ports_of_their_own_that_stay() -> None:
    assert Instance("one").private_port("redis") == Instance("one").private_port("redis")
    assert len({Instance(name).private_port("redis") for name in ("run", "test", "bench", "check")}) == 4
