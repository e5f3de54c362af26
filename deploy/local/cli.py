"""The commands by name, and what becomes of an error that none of them expected."""

import errno
import os
import shutil
from collections.abc import Callable

from deploy.local import checks, environment, ownership, packages, run, setup, stores, venv
from deploy.local.console import CannotGoOn, Step, complain, say, title
from deploy.local.interruptions import Ended, interruptions
from deploy.local.places import LOCAL, ROOT, SHELTER, VENV, Instance, locked
from deploy.local.processes import running

HELP = """
  make run       everything: web, worker, media server, PostgreSQL, Redis, demo data
                 PORT=9000, RTMP_PORT=…, MEDIA_PORT=… move its ports;
                 DATABASE_URL=…, REDIS_URL=… replace the private servers
  make stop      end what `make run` started
  make test      checks and all tests, on servers of their own (ARGS="-k offers -x" goes to pytest)
  make check     linters, types, import contracts, missing migrations
  make bench     the benchmarks (ARGS=… goes to them)
  make docs      the documentation as a site, in .local/site
  make clean     remove .local and .venv, and with them all local data

  make requirements                                         pin requirements.in into requirements.txt
  python3 -m deploy.local services start --instance mine    PostgreSQL and Redis in the background,
                                                            addresses in .local/mine/env
  python3 -m deploy.local services stop --instance mine
  python3 -m deploy.local services env --instance mine      print the addresses
"""


def show_help(argv: list[str]) -> int:
    title("Souk Loop")
    say(HELP.strip("\n"))
    return 0


def stop(argv: list[str]) -> int:
    """End what `make run` started."""
    ran = ownership.stop(Instance("run"))
    say("Stopped; nothing is left running." if ran else "Nothing was running.")
    return 0


def clean(argv: list[str]) -> int:
    """End everything of this checkout and remove what was made for it."""
    for instance in ownership.instances():
        ownership.stop(instance)
    for path in (LOCAL, VENV, SHELTER):
        if path.exists():
            shutil.rmtree(path)
    say("Removed .local and .venv; `make run` sets them up again.")
    return 0


def requirements(argv: list[str]) -> int:
    """Pin what requirements.in names."""
    setup.ensure("Souk Loop · requirements", ["requirements"], named={}, development=True)
    with Step("pin") as step:
        step.say("asking the package index")
        venv.uv(
            *("pip", "compile", "--quiet", "--no-header", "--python-version", "3.11"),
            *("--output-file", "requirements.txt", "requirements.in"),
            failure="The requirements could not be pinned.",
        )
        step.done("requirements.txt is written")
    return 0


def services(argv: list[str]) -> int:
    """Start or stop PostgreSQL and Redis in the background, or tell where they are."""
    match argv:
        case [("start" | "stop" | "env") as action, "--instance", name]:
            instance = Instance(name)
        case _:
            raise CannotGoOn("It is `python3 -m deploy.local services start|stop|env --instance NAME`.")
    if action == "env":
        if not instance.env_file.exists():
            raise CannotGoOn(
                f"Instance {name} was never started: `services start --instance {name}` does it."
            )
        say(instance.env_file.read_text().rstrip())
    elif action == "stop":
        say(f"Stopped {name}." if ownership.stop(instance) else f"{name} was not running.")
    elif all(running(instance, store) for store in ownership.STORES):
        say(f"{name} runs already: {instance.env_file.relative_to(ROOT)}")
    else:
        _start_services(instance)
    return 0


def _start_services(instance: Instance) -> None:
    title(f"Souk Loop · services of {instance.name}")
    with Step("packages") as step:
        packages.ensure(step)
    instance.prepare()
    with locked(instance.directory / "lock", wait=0) as had:
        if not had:
            raise CannotGoOn(f"Another command is at work in .local/{instance.name}.")
        ownership.end_all(instance)
        instance.forget_logs()
        try:
            urls, _ = stores.start(instance, {})
        except BaseException:
            ownership.end_all(instance)
            raise
    environment.write(instance.env_file, environment.of_private(instance, urls))
    say(f"\n  set -a; . {instance.env_file.relative_to(ROOT)}; set +a")


def keep(argv: list[str]) -> int:
    return ownership.keep(Instance(argv[0]))


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "run": run.main,
    "test": checks.test,
    "check": checks.check,
    "bench": checks.bench,
    "docs": checks.docs,
    "stop": stop,
    "clean": clean,
    "requirements": requirements,
    "services": services,
    "keep": keep,
    "help": show_help,
}


def main(argv: list[str]) -> int:
    """Run one command; whatever goes wrong is one sentence."""
    name, rest = (argv[0], argv[1:]) if argv else ("help", [])
    if name not in COMMANDS:
        name, rest = "help", []
    os.umask(0o022)
    interruptions.install()
    try:
        return COMMANDS[name](rest)
    except CannotGoOn as error:
        complain(error)
    except Ended:
        say("\nStopped.")
        return 128 + interruptions.received
    except OSError as error:
        complain(CannotGoOn(_sentence(error)))
    return 1


def _sentence(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk under {ROOT} is full: make room, then start again."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) and error.filename:
        return (
            f"{error.filename} is not ours to write to; if an earlier start as another user made it, "
            "`sudo make clean` removes it."
        )
    if error.errno == errno.EMFILE:
        return "Too many files are open: raise the limit (`ulimit -n 4096`), then start again."
    return f"{error.strerror or error} ({error.filename or type(error).__name__})."
