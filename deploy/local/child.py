"""Becomes a program that ends with its parent: `child.py LOCK PARENT SIGNAL USER PROGRAM ARGUMENT…`.

A supervisord that is killed leaves its processes running, and so does a launcher. This starts before each of
them, also before there is a `.venv`: it uses the standard library only, and no other module of ours.
"""

import ctypes
import fcntl
import os
import pwd
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
# As PARENT: the leader of the session, which is supervisord for all that it starts.
LEADER = "leader"


def die_with_parent(number: int) -> None:
    """Have the kernel send this process a signal when its parent ends."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, number):
        raise OSError(ctypes.get_errno(), "prctl")


def kill_orphans(session: int) -> None:
    """Kill what a program left running here, such as nginx's worker: its group has no leader any more."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
            is_orphan = int(fields[3]) == session and not Path(f"/proc/{fields[2]}").exists()
            if is_orphan and path.with_name("cwd").readlink() == Path.cwd():
                os.kill(int(path.parent.name), signal.SIGKILL)
        except OSError:
            continue  # it has ended


def main(lock: str, parent: str, name: str, user: str, *program: str) -> None:
    if parent == LEADER:
        kill_orphans(os.getsid(0))
    if lock:
        # Held by every process of an instance: who wants it for himself waits until the last has ended.
        descriptor = os.open(lock, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        os.set_inheritable(descriptor, True)
    if user:
        entry = pwd.getpwnam(user)
        os.setgroups([])
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    # Only now: a change of user clears it.
    die_with_parent(signal.Signals[f"SIG{name}"])
    if os.getppid() != (os.getsid(0) if parent == LEADER else int(parent)):
        sys.exit("The parent process has ended.")
    # Python ignores these two, and ignored signals stay ignored across exec.
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored, signal.SIG_DFL)
    os.execvp(program[0], program)  # noqa: S606 - no shell is meant


if __name__ == "__main__":
    main(*sys.argv[1:])
