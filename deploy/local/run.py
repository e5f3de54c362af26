"""`make run`: everything in the foreground, and a summary of where it is."""

import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import yaml

from deploy.local import environment
from deploy.local.console import SetupError, ending_with_parent, run_logged, say, step
from deploy.local.instance import ROOT, Instance, server_user
from deploy.local.stores import Stores
from deploy.local.supervise import Supervisor, owned, unreachable

COMPOSE = ROOT / "docker-compose.yml"
# The services of the compose file whose commands are run here, too.
APPLICATION = ("app", "worker", "pusher", "packager")
SUMMARY = Path(__file__).with_name("summary.txt")


def main(name: str, argv: list[str]) -> int:
    """Start everything, say where it is, and stay until somebody ends it."""
    instance = Instance(argv[0] if argv else name)
    with owned(instance):
        person = environment.asked()
        stores = Stores(instance, person)
        values = environment.of_run(instance, person, stores.urls)
        if values["DEBUG"].lower() not in ("true", "on", "ok", "y", "yes", "1"):  # as django-environ reads it
            raise SetupError("`make run` is for DEBUG=true, with its demo logins: use docker-compose.yml.")
        env = environment.write(instance.env_file, values)
        prepare_media(instance, Path(values["MEDIA_ROOT"]))
        with Supervisor(instance, env | stores.prepare() | commands()) as supervisor:
            stores.wait(supervisor)
            with step("migrations", "bringing the tables up to date") as done:
                done(f"applied {_manage(instance, env, 'migrate').count(' Applying ')}")
            with step(
                "processes", "starting web, worker, pusher, packager and media server, adding demo data"
            ) as done:
                supervisor.rpc.startProcessGroup("app", False)
                demo = _manage(instance, env, "seed_demo").strip("\n")
                listening = {"web": "PORT", "ingest": "RTMP_PORT", "media": "MEDIA_PORT"}
                for program, port in listening.items():
                    address = f"http://127.0.0.1:{values[port]}"
                    supervisor.wait_until(program, partial(unreachable, address))
                done("started, demo data are there")
            sockets = values["BASE_URL"].replace("http", "ws", 1)
            say(SUMMARY.read_text().format(**values, sockets=sockets, demo=demo, phones=phones(values)))
            _watch(instance, supervisor)
    return 0


def phones(values: Mapping[str, str]) -> str:
    """Say who reaches this instance, and how to change it."""
    if values["LISTEN_ADDRESS"] == environment.LOOPBACK:
        return f"not let in: `LISTEN_ADDRESS={environment.ALL_ADDRESSES} make run` lets in this network"
    return f"everybody on this network reaches this, with the logins below: {values['BASE_URL']}"


def commands() -> dict[str, str]:
    """Read the commands of our own processes from the compose file, for a shell to run."""
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    read = {f"LOCAL_{name.upper()}_COMMAND": services[name]["command"] for name in APPLICATION}
    # In a container it listens on all addresses; of two options, uvicorn takes the last.
    return read | {"LOCAL_APP_COMMAND": f'{read["LOCAL_APP_COMMAND"]} --host "$LISTEN_ADDRESS"'}


def prepare_media(instance: Instance, root: Path) -> None:
    """Make the media server's directories, and put its files where its user can read them."""
    state, user = instance.data / "media-server", server_user("www-data")
    shutil.copytree(ROOT / "deploy" / "media", state, dirs_exist_ok=True)
    for directory in (root / "vods", root / "uploads"):
        directory.mkdir(parents=True, exist_ok=True)
    for directory in (state, root / "live", root / "recordings"):
        directory.mkdir(exist_ok=True)
        if user:
            shutil.chown(directory, user, user)


def _manage(instance: Instance, env: Mapping[str, str], command: str) -> str:
    failure, log = f"`manage.py {command}` failed.", instance.log(command)
    return run_logged([sys.executable, "manage.py", command], log=log, failure=failure, env=env)


def _watch(instance: Instance, supervisor: Supervisor) -> None:
    """Show what the processes print from now on, until somebody interrupts us or one of them keeps dying."""
    logs = [instance.log(name) for name in ("supervisord", "web", "worker", "pusher", "packager")]
    tail = subprocess.Popen([*ending_with_parent("TERM"), "tail", "-n", "0", "-F", *logs])
    try:
        while True:
            supervisor.check()
            time.sleep(0.5)
    finally:
        tail.terminate()
        tail.wait()
