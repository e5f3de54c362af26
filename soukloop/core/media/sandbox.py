"""Runs ffmpeg and ffprobe on what strangers sent: few rights, an empty folder, and limits on everything.

The programs run as `nobody` if we are root, can't gain rights, are given only the files in their folder, and
end when the thread that started them ends.
"""

import contextlib
import errno
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from soukloop.core.db.release import release_connection

# Whatever a file says, only these protocols are opened: no network, no `data:`, no `concat:`.
_PROTOCOLS = "file,pipe"
_STREAMS_MAX = 8
_PIXELS_MAX = 4096 * 4096
_ERROR_BYTES_MAX = 4000
_OUTPUT_BYTES_MAX = 2**20
_PASSED_ON = ("PATH",)
_STOPPED_BY_SIGNAL = 255  # how ffmpeg ends after SIGTERM, and also after SIGXCPU
_NO_SPACE = os.strerror(errno.ENOSPC)
_READ_SIZE = 2**16
_WATCH_SECONDS = 0.5


class FfmpegError(Exception):
    """ffmpeg or ffprobe failed; the message is the end of its error output."""


class FfmpegInterrupted(FfmpegError):
    """It was killed, or had no space; the same command may succeed later."""


@dataclass(frozen=True)
class Limits:
    """What one run may use."""

    cpu_seconds: int = 900
    wall_seconds: int = 3600
    memory_bytes: int = 3 * 2**30  # of addresses, which are more than what is used
    file_bytes: int = 64 * 2**30  # of each file written
    open_files: int = 64


def input_options(demuxer: str) -> tuple[str, ...]:
    """Return the options before `-i`: only this demuxer is used, and no file leads to another one."""
    options: tuple[str, ...] = (
        *("-protocol_whitelist", _PROTOCOLS, "-format_whitelist", demuxer, "-f", demuxer),
        *("-max_streams", str(_STREAMS_MAX), "-max_pixels", str(_PIXELS_MAX)),
        *("-threads", "2"),  # of decoders, which would take memory for each core
    )
    if demuxer == "mov":  # an MP4 may say that its samples are in another file
        options += ("-enable_drefs", "0", "-use_absolute_path", "0")
    return options


@contextlib.contextmanager
def working_folder(parent: Path, *sources: Path) -> Iterator[Path]:
    """Yield an empty folder in `parent`, with links to the sources; it is deleted afterwards.

    It belongs to the account under which the programs run, so `take` must be used for what they wrote.
    """
    folder = Path(tempfile.mkdtemp(prefix="ffmpeg-", dir=parent))
    try:
        for source in sources:
            os.link(source, folder / source.name)
        if account := _unprivileged_account():
            os.chown(folder, *account)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def take(source: Path, target: Path) -> None:
    """Move a finished file out of a working folder, and make it ours and readable."""
    if not source.is_file() or source.is_symlink() or not source.stat().st_size:
        raise FfmpegError(f"{source.name}: nothing was written")
    if os.geteuid() == 0:
        os.chown(source, os.geteuid(), os.getegid())
    source.chmod(0o644)
    source.replace(target)


def run(
    program: str,
    arguments: Iterable[str],
    *,
    folder: Path,
    limits: Limits = Limits(),
    feed: Iterable[bytes] | None = None,
    watch: Callable[[str], None] | None = None,
) -> tuple[str, str]:
    """Run ffmpeg or ffprobe in a folder, feeding its standard input; return its output and its errors.

    Both are cut to a maximum. `watch` is called with the output so far, twice a second; what it raises ends
    the program. Raises FfmpegError if that fails or uses up a limit, and whatever `feed` and `watch` raise.
    """
    release_connection()  # it may run for minutes
    try:
        process = subprocess.Popen(
            [*confined(limits), program, *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL if feed is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={name: os.environ[name] for name in _PASSED_ON if name in os.environ} | {"LC_ALL": "C"},
        )
    except OSError as error:
        raise FfmpegError(f"{program}: {error}") from error
    began_at = time.monotonic()
    has_timed_out = threading.Event()

    def time_out() -> None:
        has_timed_out.set()
        process.kill()

    clock = threading.Timer(limits.wall_seconds, time_out)
    output, errors = _Reader(process.stdout, _OUTPUT_BYTES_MAX), _Reader(process.stderr, _ERROR_BYTES_MAX)
    try:
        clock.start()
        if feed is not None:
            _write(process.stdin, feed)
        while watch is not None and process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_WATCH_SECONDS)
            watch(output.so_far())
        process.wait()
    finally:
        clock.cancel()
        process.kill()
        process.wait()
        text, problems = output.text(), errors.text()
    if has_timed_out.is_set():
        raise FfmpegError(f"{program} took longer than {limits.wall_seconds} s")
    if (
        not process.returncode and _NO_SPACE in problems
    ):  # ffmpeg says so, and ends as if nothing had happened
        raise FfmpegInterrupted(problems.strip())
    if process.returncode:
        # The earliest that all cores together can have used the CPU time up.
        earliest = limits.cpu_seconds / (os.cpu_count() or 1)
        was_stopped = process.returncode == _STOPPED_BY_SIGNAL and time.monotonic() - began_at < earliest
        is_interruption = was_stopped or _may_succeed_later(process.returncode, problems)
        kind = FfmpegInterrupted if is_interruption else FfmpegError
        raise kind(problems.strip() or f"{program} ended with {process.returncode}")
    return text, problems


def _may_succeed_later(returncode: int, errors: str) -> bool:
    return returncode in (-signal.SIGKILL, -signal.SIGTERM) or _NO_SPACE in errors


class _Reader(threading.Thread):
    """Reads a pipe to its end, and keeps its last bytes."""

    def __init__(self, pipe: IO[bytes] | None, size: int) -> None:
        super().__init__(daemon=True)
        assert pipe is not None
        self._pipe, self._size, self._kept = pipe, size, b""
        self.start()

    def run(self) -> None:
        with self._pipe:
            while chunk := self._pipe.read1(_READ_SIZE):  # type: ignore[attr-defined]
                self._kept = (self._kept + chunk)[-self._size :]

    def so_far(self) -> str:
        return self._kept.decode(errors="replace")

    def text(self) -> str:
        self.join()
        return self._kept.decode(errors="replace")


def _write(pipe: IO[bytes] | None, feed: Iterable[bytes]) -> None:
    """Write to a program's standard input until it stops reading."""
    assert pipe is not None
    try:
        for chunk in feed:
            pipe.write(chunk)
    except BrokenPipeError:
        pass  # its exit status says why
    finally:
        with contextlib.suppress(BrokenPipeError):
            pipe.close()


def confined(limits: Limits, *, niceness: int = 10, as_nobody: bool = True) -> tuple[str, ...]:
    """Return the start of the command: programs that set limits and rights, then become the next one.

    They are not set between fork and exec, because Python code there can deadlock in a process with threads.
    """
    account = _unprivileged_account() if as_nobody else None
    as_account = ("--reuid", str(account[0]), "--regid", str(account[1]), "--clear-groups") if account else ()
    return (
        # At the first of the two CPU limits the signal is SIGXCPU, which says what happened.
        *(
            "prlimit",
            f"--cpu={limits.cpu_seconds}:{limits.cpu_seconds + 5}",
            f"--as={limits.memory_bytes}",
            "--core=0",
        ),
        *(f"--fsize={limits.file_bytes}", f"--nofile={limits.open_files}"),
        *("setpriv", *as_account, "--no-new-privs", "--pdeathsig", "KILL"),
        *("nice", "-n", str(niceness)),
    )


def _unprivileged_account() -> tuple[int, int] | None:
    """Return the user and group of the programs if we are root; None if they run as we do."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid
