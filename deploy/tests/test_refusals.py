"""One sentence, never a traceback: what the launcher says when it can't go on."""

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local import cli, places, ports, tools, venv
from deploy.local.console import CannotGoOn
from deploy.local.places import ROOT, Instance
from deploy.tests.instances import NAME, command, processes_of


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
