"""`make run`: everything in the foreground, and a summary of where it is."""

import hashlib
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import yaml

from deploy.local import environment
from deploy.local.console import SetupError, paint, run_logged, say, step
from deploy.local.instance import ROOT, Instance, server_user
from deploy.local.stores import Stores
from deploy.local.supervise import Supervisor, owned

SHOWN = {"web": "36", "worker": "35", "supervisord": "33"}
COMPOSE = ROOT / "docker-compose.yml"
MEDIA = ROOT / "deploy" / "media"
SUMMARY = Path(__file__).with_name("summary.txt")
# What the media server writes; the rest of MEDIA_ROOT is the application's.
SERVED_LIVE = ("live", "dash", "recordings")


def main(name: str, argv: list[str]) -> int:
    """Start everything, say where it is, and stay until somebody ends it."""
    instance = Instance(argv[0] if argv else name)
    try:
        with owned(instance) as lock:
            _run(instance, environment.asked(), lock)
    except KeyboardInterrupt:
        say("Stopped; nothing is left running.")
    return 0


def _run(instance: Instance, person: Mapping[str, str], lock: IO[str]) -> None:
    stores = Stores(instance, person)
    values = environment.of_run(instance, person, stores.urls)
    if values["DEBUG"].lower() not in ("true", "on", "ok", "y", "yes", "1"):  # as django-environ reads it
        raise SetupError("`make run` has demo logins, and is for DEBUG=true only: use docker-compose.yml.")
    environment.write(instance.env_file, values)
    env = environment.of_process(values)
    prepare_media(instance, values)
    with Supervisor(instance, env | stores.prepare() | commands(), lock) as supervisor:
        stores.wait(supervisor)
        is_new = _migrate(instance, env)
        demo = _seed(instance, env, is_new=is_new)
        with step("processes", "starting web, worker and media server") as done:
            supervisor.rpc.startProcessGroup("app", False)
            supervisor.wait_until("web", lambda: _web_trouble(values["PORT"]), seconds=90)
            done("web, worker and media server answer")
        _say_summary(instance, values, demo)
        _watch(instance, supervisor)


def commands() -> dict[str, str]:
    """Read the commands of the web process and the worker from the compose file, for a shell to run."""
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    return {
        "LOCAL_WEB_COMMAND": services["app"]["command"],
        "LOCAL_WORKER_COMMAND": services["worker"]["command"],
    }


def prepare_media(instance: Instance, values: Mapping[str, str]) -> None:
    """Make the media server's directories, and put its files where its user can read them."""
    root, state, user = Path(values["MEDIA_ROOT"]), instance.data / "media-server", server_user("www-data")
    written = [*(root / name for name in SERVED_LIVE), state]
    for directory in (*written, root / "vods", root / "uploads"):
        directory.mkdir(parents=True, exist_ok=True)
    for path in written if user else []:
        shutil.chown(path, user, user)
    for name in ("nginx.conf.template", "start.sh"):
        shutil.copy(MEDIA / name, state)


def _manage(instance: Instance, env: Mapping[str, str], command: str) -> str:
    failure, log = f"`manage.py {command}` failed.", instance.log(command)
    return run_logged([sys.executable, "manage.py", command], log=log, failure=failure, env=env)


def _migrate(instance: Instance, env: Mapping[str, str]) -> bool:
    """Bring the tables up to date; returns whether anything had to be done."""
    with step("migrations", "bringing the tables up to date") as done:
        printed = _manage(instance, env, "migrate")
        applied = printed.count(" Applying ")
        done(f"applied {applied}" if applied else "up to date")
    return bool(applied)


def _seed(instance: Instance, env: Mapping[str, str], *, is_new: bool) -> str:
    """Insert the demo data where they are missing; returns what the command said about its logins."""
    database = hashlib.sha256(env["DATABASE_URL"].encode()).hexdigest()[:16]
    # Beside the private cluster, and removed with it.
    printed = instance.data / f"demo-{database}.txt"
    with step("demo data", "looking") as done:
        done("unchanged")
        if is_new or not printed.exists():
            printed.write_text(_manage(instance, env, "seed_demo"))
            done("inserted")
    return printed.read_text().strip("\n")


def _web_trouble(port: str) -> str:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).close()
    except urllib.error.HTTPError as error:
        return error.read(300).decode(errors="replace") or str(error)
    except OSError as error:
        return str(error)
    return ""


def _say_summary(instance: Instance, values: Mapping[str, str], demo: str) -> None:
    text = SUMMARY.read_text().format(
        **values,
        sockets=values["BASE_URL"].replace("http", "ws", 1),
        settings=instance.env_file.relative_to(ROOT),
        logs=instance.log("").parent.relative_to(ROOT),
        demo=demo,
    )
    say(text.replace("Ready.", paint("Ready.", "1;32"), 1))


def _watch(instance: Instance, supervisor: Supervisor) -> None:
    """Show what the processes print from now on, until somebody interrupts us or one of them keeps dying."""
    logs = {name: instance.log(name).open(errors="replace") for name in SHOWN}
    for log in logs.values():
        log.seek(0, 2)
    try:
        while True:
            for name, log in logs.items():
                for line in log:
                    say(f"{paint(f'{name:<11}│', SHOWN[name])} {line.rstrip()}")
            supervisor.check()
            time.sleep(0.3)
    except KeyboardInterrupt:
        say("\nStopping …")
        raise
