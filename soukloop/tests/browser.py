"""Chromium, driven over its debugging protocol."""

import json
import re
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from websockets.sync.client import ClientConnection, connect

_OPTIONS = [
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--remote-debugging-port=0"),
    # So that pages come from other sites than the server; nothing is asked of a real name server.
    *("--host-resolver-rules=MAP *.example 127.0.0.1", "about:blank"),
]
_SECONDS = 60.0


class Browser:
    """One Chromium with a profile of its own, and one page."""

    def __init__(self, program: str) -> None:
        self._profile = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        self.process = subprocess.Popen(
            [program, f"--user-data-dir={self._profile.name}", *_OPTIONS],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._open = ExitStack()
        self._last_id = 0
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        port_file = Path(self._profile.name) / "DevToolsActivePort"
        deadline = time.monotonic() + _SECONDS
        while not (port_file.exists() and (lines := port_file.read_text().split("\n")) and len(lines) > 1):
            assert time.monotonic() < deadline, "Chromium does not start"
            time.sleep(0.05)
        address = f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        opened = connect(address, max_size=None, proxy=None)
        self.connection: ClientConnection = self._open.enter_context(opened)
        target = self.command("Target.createTarget", {"url": "about:blank"})["targetId"]
        self.page = self.attach(target)
        self.command("Page.enable", session=self.page)
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._profile.cleanup()

    def attach(self, target: str) -> str:
        """Return a session that commands of a page or worker are sent in."""
        return str(self.command("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"])

    def command(self, method: str, params: Any = None, session: str | None = None) -> dict[str, Any]:
        self._last_id += 1
        message = {"id": self._last_id, "method": method, "params": params or {}}
        self.connection.send(json.dumps(message | ({"sessionId": session} if session else {})))
        while True:
            answer = json.loads(self.connection.recv(timeout=_SECONDS))
            if answer.get("id") == self._last_id:
                assert "error" not in answer, (method, answer)
                result: dict[str, Any] = answer["result"]
                return result
            if "method" in answer:
                self.events.append(answer)

    def wait_for(self, find: Callable[[dict[str, Any]], Any]) -> Any:
        """Return what `find` returns for the first event for which that is true."""
        seen, deadline = 0, time.monotonic() + _SECONDS
        while True:
            for event in self.events[seen:]:
                if found := find(event):
                    return found
            seen = len(self.events)
            self.events.append(json.loads(self.connection.recv(timeout=deadline - time.monotonic())))

    def open(self, url: str) -> None:
        self.events.clear()
        self.command("Page.navigate", {"url": url}, self.page)
        self.wait_for(lambda event: event.get("method") == "Page.loadEventFired")

    def run(self, script: str, session: str | None = None) -> Any:
        """Run the body of an asynchronous function, and return its value."""
        params = {
            "expression": f"(async () => {{ {script} }})()",
            "awaitPromise": True,
            "returnByValue": True,
        }
        answer = self.command("Runtime.evaluate", params, session or self.page)
        assert "exceptionDetails" not in answer, re.sub(r"\s+", " ", str(answer))
        return answer["result"].get("value")
