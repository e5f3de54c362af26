"""The environment that the processes of an instance run in, and the file that tells people about it."""

import os
import shlex
import socket
from collections.abc import Mapping
from pathlib import Path

from deploy.local.places import ROOT, VENV, Instance, write_private
from deploy.local.ports import asked_port, private_port, usual_port

WRITTEN = (
    "DATABASE_URL",
    "REDIS_URL",
    "BASE_URL",
    "RTMP_URL",
    "MEDIA_URL",
    "MEDIA_ROOT",
    "MEDIA_SECRET",
    "MEDIA_CONTROL_URL",
    "PORT",
    "RTMP_PORT",
    "MEDIA_PORT",
    "DEBUG",
    "SECRET_KEY",
    "ALLOWED_HOSTS",
    "TRUSTED_ORIGINS",
)


def asked() -> dict[str, str]:
    """What the person set: the environment over `.env`; an empty value is as good as none."""
    return {name: value for name, value in {**read(ROOT / ".env"), **os.environ}.items() if value}


def of_run(instance: Instance, person: Mapping[str, str], urls: dict[str, str]) -> dict[str, str]:
    """Build the environment of `make run`: the usual ports, and what the person set wins."""
    port = asked_port("PORT", person, 8000)
    rtmp = usual_port("RTMP_PORT", person, 1935)
    media = usual_port("MEDIA_PORT", person, 8080)
    control = private_port(instance.name, "media-control")
    values = _values(instance, "localhost", port=port, rtmp=rtmp, media=media, control=control) | urls
    values |= {name: person[name] for name in values if name in person} | {"PORT": str(port)}
    if "127.0.0.1" not in values["ALLOWED_HOSTS"].split(","):
        # Where the media server calls the web process, and we ask it whether it is ready.
        values["ALLOWED_HOSTS"] += ",127.0.0.1"
    return values


def of_private(instance: Instance, urls: dict[str, str]) -> dict[str, str]:
    """Build the environment of tests and developers: private ports, whatever the person set."""
    port, rtmp, media, control = (
        private_port(instance.name, purpose) for purpose in ("web", "rtmp", "media", "media-control")
    )
    return _values(instance, "127.0.0.1", port=port, rtmp=rtmp, media=media, control=control) | urls


def _values(
    instance: Instance, host: str, *, port: int, rtmp: int, media: int, control: int
) -> dict[str, str]:
    return {
        "BASE_URL": f"http://{host}:{port}",
        "RTMP_URL": f"rtmp://{host}:{rtmp}/live",
        "MEDIA_URL": f"http://{host}:{media}/",
        "MEDIA_ROOT": str(instance.data / "media"),
        "MEDIA_SECRET": instance.secret("MEDIA_SECRET"),
        "MEDIA_CONTROL_URL": f"http://127.0.0.1:{control}",
        "PORT": str(port),
        "RTMP_PORT": str(rtmp),
        "MEDIA_PORT": str(media),
        "DEBUG": "true",
        "SECRET_KEY": instance.secret("SECRET_KEY"),
        "ALLOWED_HOSTS": ",".join(hosts()),
        "TRUSTED_ORIGINS": f"http://127.0.0.1:{port}",
    }


def hosts() -> list[str]:
    """Names that this machine goes by: its own, those on the local network, and a phone emulator's."""
    named = ["localhost", "127.0.0.1", "[::1]", socket.gethostname(), network_address(), "10.0.2.2"]
    return list(dict.fromkeys(name for name in named if name))


def network_address() -> str:
    """The address that phones on the same network reach this machine by."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: it only asks the routing table
        except OSError:
            return ""
        address: str = probe.getsockname()[0]
        return address


def of_media(instance: Instance, values: Mapping[str, str]) -> dict[str, str]:
    """What the media server's template asks for."""
    return {
        "RTMP_PORT": values["RTMP_PORT"],
        "MEDIA_PORT": values["MEDIA_PORT"],
        "CONTROL_LISTEN": values["MEDIA_CONTROL_URL"].removeprefix("http://"),
        "CALLBACK_URL": f"http://127.0.0.1:{values['PORT']}",
        "RELAY_LISTEN": f"127.0.0.1:{private_port(instance.name, 'media-relay')}",
        "RESOLVER": "127.0.0.1",
        "MEDIA_SECRET": values["MEDIA_SECRET"],
        "MEDIA_ROOT": values["MEDIA_ROOT"],
    }


def of_process(values: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a process: the person's, the instance's, and `.venv` first on the path."""
    env = {**os.environ, **values, "VIRTUAL_ENV": str(VENV), "PYTHONUNBUFFERED": "1"}
    env["PATH"] = f"{VENV / 'bin'}:{env.get('PATH', os.defpath)}"
    # A shell that sourced another Python's settings must not reach ours.
    for name in ("PYTHONHOME", "PYTHONPATH", "DJANGO_SETTINGS_MODULE", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
        env.pop(name, None)
    return env


def write(path: Path, values: Mapping[str, str]) -> None:
    """Write the file that a shell can source and Django reads."""
    lines = [f"{name}={shlex.quote(values[name])}" for name in WRITTEN]
    write_private(path, "\n".join(["# The values in force, written at each start.", *lines, ""]))


def read(path: Path) -> dict[str, str]:
    """Read a file of NAME=value lines."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.removeprefix("export ").partition("=") for line in map(str.strip, lines) if line[:1] != "#")
    return {name.strip(): _unquoted(value.strip()) for name, equals, value in pairs if equals}


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value
