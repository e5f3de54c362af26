"""The environment that the processes of an instance run in, and the file that people read it from."""

import os
import shlex
import socket
import subprocess
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path

from deploy.local.console import SetupError
from deploy.local.instance import ROOT, VENV, Instance, public_port, write_private

# Each can be chosen for `make run`.
PORTS = {"PORT": 8000, "RTMP_PORT": 1935, "RTMPS_PORT": 1936, "MEDIA_PORT": 8080}
# Where those ports listen: on this machine alone, or for everybody who can reach it.
LOOPBACK, ALL_ADDRESSES = "127.0.0.1", "0.0.0.0"  # noqa: S104 - only if the person asks for it


def asked() -> dict[str, str]:
    """What the person set: the environment over `.env`; an empty value counts as none."""
    return {name: value for name, value in {**read(ROOT / ".env"), **os.environ}.items() if value}


def of_run(instance: Instance, person: Mapping[str, str], urls: Mapping[str, str]) -> dict[str, str]:
    """Build the environment of `make run`: the usual ports, and what the person set wins.

    Its logins are published, so that other machines reach it only if the person says so.
    """
    address = person.get("LISTEN_ADDRESS", LOOPBACK)
    if address not in (LOOPBACK, ALL_ADDRESSES):
        raise SetupError(f"LISTEN_ADDRESS={address} must be {LOOPBACK} or {ALL_ADDRESSES}.")
    ports = {variable: public_port(variable, person, port) for variable, port in PORTS.items()}
    if address == LOOPBACK:
        values = _values(instance, urls, "localhost", ports)
    else:
        values = _values(instance, urls, own_address(), ports)
        values["ALLOWED_HOSTS"] = ",".join([values["ALLOWED_HOSTS"], *own_hosts()])
    values |= {name: person[name] for name in values if name in person}
    # Where the media server calls the web process, and we ask it whether it is ready.
    values["ALLOWED_HOSTS"] += ",127.0.0.1"
    return values


def of_private(instance: Instance, urls: Mapping[str, str]) -> dict[str, str]:
    """Build the environment of tests and benchmarks: private ports, whatever the person set."""
    ports = {name: instance.private_port(name) for name in PORTS}
    return _values(instance, urls, "127.0.0.1", ports)


def _values(
    instance: Instance, urls: Mapping[str, str], host: str, ports: Mapping[str, int]
) -> dict[str, str]:
    return {
        **urls,
        **{name: str(port) for name, port in ports.items()},
        "LISTEN_ADDRESS": LOOPBACK,
        "BASE_URL": f"http://{host}:{ports['PORT']}",
        "TRUSTED_ORIGINS": f"http://127.0.0.1:{ports['PORT']}",
        "ALLOWED_HOSTS": "localhost,127.0.0.1,[::1],10.0.2.2",
        "RTMP_URL": f"rtmp://{host}:{ports['RTMP_PORT']}/live",
        "RTMPS_URL": f"rtmps://{host}:{ports['RTMPS_PORT']}/live",
        "MEDIA_URL": f"http://{host}:{ports['MEDIA_PORT']}/",
        "MEDIA_ROOT": str(instance.data / "media"),
        "MEDIA_SECRET": instance.secret("MEDIA_SECRET"),
        "METRICS_DIR": str(instance.data / "metrics") if instance.name == "run" else "",
        "MEDIA_CONTROL_URL": f"http://127.0.0.1:{instance.private_port('media-control')}",
        "VAPID_PRIVATE_KEY": vapid_private_key(instance),
        "DEBUG": "true",
        "SECRET_KEY": instance.secret("SECRET_KEY"),
    }


def vapid_private_key(instance: Instance) -> str:
    """Return the key that browsers' subscriptions are bound to: 32 random bytes, as base64url."""
    return urlsafe_b64encode(bytes.fromhex(instance.secret("VAPID_PRIVATE_KEY"))).decode().rstrip("=")


def own_hosts() -> list[str]:
    """List this machine's name and addresses, by which phones on the same network reach it."""
    listed = subprocess.run(["hostname", "-I"], capture_output=True, text=True).stdout.split()
    return [socket.gethostname(), *(f"[{address}]" if ":" in address else address for address in listed)]


def own_address() -> str:
    """Return the first IPv4 address by which phones on the same network reach this machine."""
    return next((host for host in own_hosts()[1:] if ":" not in host), "localhost")


def of_process(values: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a process: the person's, the instance's, and `.venv` first on the path."""
    ours = {
        "DJANGO_SETTINGS_MODULE": "soukloop.settings",
        "VIRTUAL_ENV": str(VENV),
        "PYTHONUNBUFFERED": "1",
        "MALLOC_ARENA_MAX": "2",
    }
    return {**os.environ, **ours, **values, "PATH": f"{VENV / 'bin'}:{os.environ['PATH']}"}


def write(path: Path, values: Mapping[str, str]) -> dict[str, str]:
    """Write the file that a shell can source and Django reads; returns the whole environment of a process."""
    lines = [f"{name}={shlex.quote(value)}" for name, value in values.items()]
    write_private(path, "\n".join(["# The values in force, written at each start.", *lines, ""]))
    return of_process(values)


def read(path: Path) -> dict[str, str]:
    """Read a file of NAME=value lines."""
    lines = path.read_text().splitlines() if path.exists() else []
    pairs = (line.removeprefix("export ").partition("=") for line in lines if line[:1] != "#" and "=" in line)
    return {name.strip(): value.strip().strip("'\"") for name, _, value in pairs}
