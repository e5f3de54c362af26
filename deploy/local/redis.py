"""A private Redis: in memory, on loopback, and full rather than forgetful when it has no room."""

import socket
import subprocess
import time

from deploy.local import packages
from deploy.local.console import Step
from deploy.local.interruptions import interruptions
from deploy.local.places import REDIS_USER, Instance, server_user
from deploy.local.ports import private_port
from deploy.local.processes import Service, start_logged
from deploy.local.tools import refusal

HOST = "127.0.0.1"
SETTINGS = {
    "bind": HOST,
    "save": "",
    "appendonly": "no",
    "maxmemory": "256mb",
    "maxmemory-policy": "noeviction",
    "daemonize": "no",
    "dir": "/",
}


class Redis:
    """The Redis of one instance; nothing in it outlives it."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.port = private_port(instance.name, "redis")

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    @property
    def service(self) -> Service:
        settings = SETTINGS | {"port": str(self.port)}
        options = [word for name, value in settings.items() for word in (f"--{name}", value)]
        program = packages.find_program("redis-server") or "redis-server"
        return Service("redis", [program, *options], user=server_user(REDIS_USER))

    def start(self, step: Step) -> subprocess.Popen[bytes]:
        """Start the server and wait until it answers."""
        with interruptions.held():
            process = start_logged(self.instance, self.service)
        log = self.instance.log("redis")
        deadline = time.monotonic() + 20
        while not self._answers():
            if process.poll() is not None or time.monotonic() > deadline:
                raise refusal("Redis did not start.", log)
            time.sleep(0.02)
        step.done(f"on {HOST}:{self.port}")
        return process

    def _answers(self) -> bool:
        try:
            with socket.create_connection((HOST, self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False
