"""A Redis server for one test, which may kill it."""

import subprocess
import tempfile

import redis

from soukloop.realtime.testing.servers import free_port
from soukloop.realtime.testing.waiting import wait_until


class RedisProcess:
    """A Redis process on its own port; its data is lost when it ends."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                *("redis-server", "--port", str(self.port), "--bind", "127.0.0.1"),
                *("--save", "", "--appendonly", "no", "--dir", tempfile.gettempdir()),
            ],
            stdout=subprocess.DEVNULL,
        )
        wait_until(self._answers, "answer from Redis")

    def kill(self) -> None:
        """Kill the process, so that it cannot shut down cleanly."""
        self.process.kill()
        self.process.wait()

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False
