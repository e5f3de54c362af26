"""Senders of pushes: in a thread of the test's process, and as processes of their own."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

from accounts.models import User
from notifications.models import Device
from notifications.push.channels import Channel, Message, Outcome, Sent, Target
from notifications.push.sender import Sender
from notifications.tests.factories import make_device
from notifications.tests.fake_web_push import Subscription


def wait_until(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Return what the condition returns as soon as that is true."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return value


def add_phone(user: User, token: str) -> Device:
    return make_device(user, token=token)


def add_browser(user: User, subscription: Subscription) -> Device:
    return make_device(
        user, "webpush", token=subscription.endpoint, p256dh=subscription.p256dh, auth=subscription.auth
    )


class Recorder:
    """A channel that takes everything, or answers by `answer`."""

    parallel_max = 100

    def __init__(self) -> None:
        self.sent: list[tuple[str, Message]] = []
        self.answer: Callable[[Target], Outcome] = lambda target: Sent()
        self.takes = 0.0  # seconds
        self.now: set[str] = set()  # tokens with a push on its way
        self.overlaps = 0

    async def send(self, target: Target, message: Message) -> Outcome:
        self.overlaps += target.token in self.now
        self.now.add(target.token)
        self.sent.append((target.token, message))
        await asyncio.sleep(self.takes)
        self.now.discard(target.token)
        return self.answer(target)

    async def close(self) -> None:
        pass

    @property
    def tokens(self) -> list[str]:
        return [token for token, _ in self.sent]


class RunningSender:
    """A sender in a thread, from `with` to its end."""

    def __init__(self, channels: dict[str, Channel] | None = None) -> None:
        self._channels = channels
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._started = threading.Event()

    async def _run(self) -> None:
        self.sender = Sender(self._channels)
        self._loop = asyncio.get_running_loop()
        self._started.set()
        await self.sender.run()

    def __enter__(self) -> "RunningSender":
        self._thread.start()
        assert self._started.wait(20)
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self.sender.end)
        self._thread.join(30)
        assert not self._thread.is_alive()


class SenderProcess:
    """`manage.py run_push_sender` on the test's database; `patch` is Python that runs in it first."""

    def __init__(self, patch: str = "", environment: dict[str, str] | None = None) -> None:
        url = urlsplit(os.environ["DATABASE_URL"])
        database = url._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
        start = (
            "import sys\nfrom django.core.management import execute_from_command_line\n"
            f"import django; django.setup()\n{patch}\n"
            "execute_from_command_line(['manage.py', 'run_push_sender'])\n"
        )
        self.log_path = Path(tempfile.mkstemp(prefix="pusher-", suffix=".log")[1])
        self.process = subprocess.Popen(
            [sys.executable, "-c", start],
            cwd=settings.BASE_DIR,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "soukloop.settings",
                "MALLOC_ARENA_MAX": "2",
                "DATABASE_URL": database,
                **(environment or {}),
            },
            stdout=self.log_path.open("wb"),
            stderr=subprocess.STDOUT,
        )

    def __enter__(self) -> "SenderProcess":
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.wait()
        self.log_path.unlink()

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self, within: float = 20.0) -> int:
        """Send SIGTERM, and return the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within)

    def wait_until_killed(self, within: float = 30.0) -> None:
        assert self.process.wait(within) == -signal.SIGKILL, self.log
