"""The commands by name, what each needs first, and what becomes of an error that none of them expected."""

import fcntl
import importlib
import os
import shutil
import subprocess

from deploy.local import environment, setup
from deploy.local.console import SetupError, complain, interrupt, on_interrupts, say
from deploy.local.instance import FALLBACK_DATA_DIR, LOCAL, ROOT, VENV, Instance
from deploy.local.supervise import stop

# Set for the second half of a command, which runs with the Python of `.venv`.
READY = "SOUKLOOP_SETUP_DONE"
# The JavaScript projects that a command needs.
TESTS = (ROOT / "soukloop" / "realtime" / "tests" / "js", ROOT / "clients")
SCRIPTS = {"quick": TESTS, "test": TESTS, "test-full": TESTS, "bench": (ROOT / "bench" / "peers",)}
SPACE_MB, SPACE_FOR_NODE_MB = 800, 500


def main(argv: list[str]) -> int:
    """Run one command; whatever goes wrong is one sentence."""
    name, *rest = argv
    os.chdir(ROOT)
    os.umask(0o022)
    os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    on_interrupts(interrupt)
    try:
        if name == "stop":
            say("Stopped; nothing is left running." if stop(Instance("run")) else "Nothing was running.")
            return 0
        if name == "clean":
            return _clean()
        if not os.environ.pop(READY, None):
            _set_up(name, rest)
        if name == "requirements":
            return setup.requirements()
        module = importlib.import_module(f"deploy.local.{'run' if name == 'run' else 'checks'}")
        return int(module.main(name, rest))
    except SetupError as error:
        complain(error)
    except KeyboardInterrupt as error:
        say("Stopped; nothing is left running.")
        return 0 if name == "run" else 128 + int(error.args[0])
    except OSError as error:
        complain(SetupError(f"{error.strerror or error} ({error.filename or type(error).__name__})."))
    return 1


def _clean() -> int:
    """End everything of this checkout and remove what was made for it."""
    for lock in LOCAL.glob("*/lock"):
        stop(Instance(lock.parent.name))
    subprocess.run(["rm", "-rf", LOCAL, VENV, FALLBACK_DATA_DIR], check=True)
    say("Removed .local and .venv; `make run` sets them up again.")
    return 0


def _set_up(name: str, argv: list[str]) -> None:
    """Set up what is missing, then start the same command again with the Python of `.venv`."""
    say(f"\nSouk Loop · {name}\n")
    free = shutil.disk_usage(ROOT).free // 1_000_000
    needed = SPACE_MB + (SPACE_FOR_NODE_MB if name in SCRIPTS else 0)
    if free < needed:
        raise SetupError(f"The disk under {ROOT} is full: {free} MB are left, and {needed} MB are needed.")
    named = environment.asked() if name == "run" else {}
    LOCAL.mkdir(exist_ok=True)
    with (LOCAL / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        setup.install_packages(named, development=name in SCRIPTS)
        setup.install_python(development=name != "run")
        setup.compile_texts()
        for project in SCRIPTS.get(name, ()):
            setup.install_node(project)
    command = [str(setup.PYTHON), "-m", "deploy.local", name, *argv]
    os.execve(setup.PYTHON, command, {**os.environ, READY: "1"})  # noqa: S606 - no shell is meant
