"""The environment that the processes of an instance run in, and the file that people read it from."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from deploy.local.instance import ROOT, VENV, Instance, public_port, write_private


def asked() -> dict[str, str]:
    """What the person set: the environment over `.env`; an empty value counts as none."""
    return {name: value for name, value in {**read(ROOT / ".env"), **os.environ}.items() if value}


def of_run(instance: Instance, person: Mapping[str, str], urls: Mapping[str, str]) -> dict[str, str]:
    """Build the environment of `make run`: the usual ports, and what the person set wins."""
    port = public_port("PORT", person, 8000)
    rtmp = public_port("RTMP_PORT", person, 1935, may_move=True)
    media = public_port("MEDIA_PORT", person, 8080, may_move=True)
    values = _values(instance, urls, "localhost", port, rtmp, media)
    values |= {name: person[name] for name in values if name in person}
    if "127.0.0.1" not in values["ALLOWED_HOSTS"].split(","):
        # Where the media server calls the web process, and we ask it whether it is ready.
        values["ALLOWED_HOSTS"] += ",127.0.0.1"
    return values


def of_private(instance: Instance, urls: Mapping[str, str]) -> dict[str, str]:
    """Build the environment of tests and benchmarks: private ports, whatever the person set."""
    return _values(instance, urls, "127.0.0.1", *map(instance.private_port, ("web", "rtmp", "media")))


def _values(
    instance: Instance, urls: Mapping[str, str], host: str, port: int, rtmp: int, media: int
) -> dict[str, str]:
    return {
        **urls,
        "BASE_URL": f"http://{host}:{port}",
        "RTMP_URL": f"rtmp://{host}:{rtmp}/live",
        "MEDIA_URL": f"http://{host}:{media}/",
        "MEDIA_ROOT": str(instance.data / "media"),
        "MEDIA_SECRET": instance.secret("MEDIA_SECRET"),
        "MEDIA_CONTROL_URL": f"http://127.0.0.1:{instance.private_port('media-control')}",
        "PORT": str(port),
        "RTMP_PORT": str(rtmp),
        "MEDIA_PORT": str(media),
        "DEBUG": "true",
        "SECRET_KEY": instance.secret("SECRET_KEY"),
        "ALLOWED_HOSTS": "localhost,127.0.0.1,[::1],10.0.2.2",
        "TRUSTED_ORIGINS": f"http://127.0.0.1:{port}",
    }


def of_process(values: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a process: the person's, the instance's, and `.venv` first on the path."""
    env = {**os.environ, **values, "VIRTUAL_ENV": str(VENV), "PYTHONUNBUFFERED": "1"}
    env["PATH"] = f"{VENV / 'bin'}:{os.environ['PATH']}"
    # A shell that sourced another Python's settings must not reach ours.
    for name in ("PYTHONHOME", "PYTHONPATH", "DJANGO_SETTINGS_MODULE", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
        env.pop(name, None)
    return env


def write(path: Path, values: Mapping[str, str]) -> None:
    """Write the file that a shell can source and Django reads."""
    lines = [f"{name}={shlex.quote(value)}" for name, value in values.items()]
    write_private(path, "\n".join(["# The values in force, written at each start.", *lines, ""]))


def read(path: Path) -> dict[str, str]:
    """Read a file of NAME=value lines."""
    lines = path.read_text().splitlines() if path.exists() else []
    pairs = (line.removeprefix("export ").partition("=") for line in lines if line[:1] != "#" and "=" in line)
    return {name.strip(): value.strip().strip("'\"") for name, _, value in pairs}
