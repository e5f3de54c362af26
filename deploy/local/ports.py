"""Which ports are free, which one a private server takes, and who holds a busy one."""

import errno
import os
import socket
import zlib
from collections.abc import Mapping
from pathlib import Path

from deploy.local.console import CannotGoOn
from deploy.local.places import ROOT

# Below the range that the kernel hands out to outgoing connections.
PRIVATE = range(20_000, 30_000)


def is_free(port: int, host: str = "") -> bool:
    """Whether a server could listen there; raises PermissionError below 1024 for an ordinary user."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EADDRNOTAVAIL):
                return False
            raise
    return True


def private_port(instance: str, purpose: str) -> int:
    """A loopback port that comes out the same for a checkout at each start, unless it is taken."""
    first = zlib.crc32(f"{ROOT}:{instance}:{purpose}".encode()) % len(PRIVATE)
    for step in range(len(PRIVATE)):
        port = PRIVATE[(first + step) % len(PRIVATE)]
        if is_free(port, "127.0.0.1"):
            return port
    raise CannotGoOn(f"No port between {PRIVATE.start} and {PRIVATE.stop} is free.")


def asked_port(variable: str, env: Mapping[str, str], default: int) -> int:
    """The port a person asked for, or the usual one."""
    text = env.get(variable) or str(default)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise CannotGoOn(f"{variable}={text} is no port: a number from 1 to 65535, please.")
    return int(text)


def usual_port(variable: str, env: Mapping[str, str], default: int) -> int:
    """The port a person asked for, or the usual one, or where that is taken the next one that is free."""
    port = asked_port(variable, env, default)
    if variable in env:
        return port
    return next((near for near in range(port, port + 100) if is_free(near)), port)


def require_free(port: int, variable: str, what: str) -> None:
    """Say who holds a port that is to be ours, and how to take another."""
    try:
        if is_free(port):
            return
    except PermissionError:
        raise CannotGoOn(
            f"Port {port} is for root alone: `{variable}={port + 8000} make run` would do."
        ) from None
    by = holder(port)
    raise CannotGoOn(
        f"Port {port} ({what}) is in use{f' by {by}' if by else ''}: "
        f"end that, or choose another with `{variable}={port + 1000} make run`."
    )


def holder(port: int) -> str:
    """Name the process that listens on a port, as far as we may see it."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in _lines(table)[1:]:
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    for process in Path("/proc").glob("[0-9]*"):
        try:
            links = {os.readlink(descriptor) for descriptor in (process / "fd").iterdir()}
            if links & inodes:
                return f"{(process / 'comm').read_text().strip()} (process {process.name})"
        except OSError:
            continue
    return ""


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
