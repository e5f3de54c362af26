"""Clients for tests, with one interface: a plain WebSocket, and the standard socket.io-client in node."""

import contextlib
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from soukloop.core import jsonlib
from soukloop.realtime.testing import descriptions
from soukloop.realtime.testing.node import NODE
from soukloop.realtime.testing.servers import START_TIMEOUT, ServerProcess
from soukloop.tests.descriptions import DescriptionMismatch

Data = dict[str, Any]

ANSWER_TIMEOUT = 10.0
TIMEOUT = {"timeout": True}  # in place of an acknowledgement that socket.io-client did not get in time
JS_CLIENT = Path(__file__).parent.parent / "tests" / "js"


class Client:
    """The base of both clients: the events received, in order, and the acknowledgements of calls."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []
        self._position = 0
        self._changed = threading.Condition()
        self._acks: dict[int, Data] = {}
        self._commands: dict[int, str] = {}  # of each call
        self._mismatches: list[str] = []
        self.is_closed = False

    def send(self, event: str, data: Any = None) -> None:
        """Send a command without asking for an acknowledgement."""
        raise NotImplementedError

    def call(self, event: str, data: Any = None) -> Data:
        """Send a command and return its acknowledgement."""
        raise NotImplementedError

    def expect(self, event: str, *, within: float = ANSWER_TIMEOUT, **having: Any) -> Any:
        """Return the data of the next event with this name and these values; earlier events are skipped."""

        def find() -> bool:
            for index in range(self._position, len(self.events)):
                name, data = self.events[index]
                if name == event and all(data.get(key) == value for key, value in having.items()):
                    self._position = index + 1
                    return True
            return False

        with self._changed:
            if not self._changed.wait_for(find, within):
                raise AssertionError(f"no {event} {having or ''} within {within} s; received: {self.events}")
            return self.events[self._position - 1][1]

    def receives_no(self, event: str, *, within: float = 0.5) -> bool:
        """Wait, then return whether no such event was received after the last one expected."""
        time.sleep(within)
        with self._changed:
            return all(name != event for name, _ in self.events[self._position :])

    def named(self, event: str) -> list[Any]:
        """Return the data of all such events so far."""
        with self._changed:
            return [data for name, data in self.events if name == event]

    def check_descriptions(self) -> None:
        """Raise an AssertionError if anything received was not as described."""
        assert self._mismatches == []

    def _new_call(self, event: str) -> int:
        call = len(self._commands) + 1
        self._commands[call] = event
        return call

    def _record_event(self, event: str, data: Any) -> None:
        with self._noting_mismatches():
            descriptions.check_event(event, data)
        with self._changed:
            self.events.append((event, data))
            self._changed.notify_all()

    def _record_ack(self, call: int, ack: Data) -> None:
        if ack is not TIMEOUT:
            with self._noting_mismatches():
                descriptions.check_ack(self._commands.get(call, ""), ack)
        with self._changed:
            self._acks[call] = ack
            self._changed.notify_all()

    def wait_for_ack(self, call: int) -> Data:
        """Wait for the acknowledgement of a call, by its number, and return it."""
        with self._changed:
            if not self._changed.wait_for(lambda: call in self._acks or self.is_closed, ANSWER_TIMEOUT):
                raise AssertionError(f"no acknowledgement of call {call}; received: {self.events}")
            if call not in self._acks:
                raise AssertionError(
                    f"closed before the acknowledgement of call {call}; received: {self.events}"
                )
            return self._acks.pop(call)

    @contextlib.contextmanager
    def _noting_mismatches(self) -> Iterator[None]:
        try:
            yield
        except DescriptionMismatch as error:  # raised here, it would end the reading thread
            self._mismatches.append(str(error))

    def _record_close(self) -> None:
        with self._changed:
            self.is_closed = True
            self._changed.notify_all()


class BareClient(Client):
    """A plain WebSocket, as native apps use it: JSON frames, bearer header."""

    def __init__(
        self,
        server: ServerProcess,
        token: str | None = None,
        *,
        path: str = "/ws/",
        headers: dict[str, str] | None = None,
        origin: Any = None,
    ) -> None:
        super().__init__()
        self.close_code: int | None = None
        self.close_reason = ""
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        self._stack = contextlib.ExitStack()
        self.socket = self._stack.enter_context(
            connect(
                server.ws_url + path,
                additional_headers=sent,
                origin=origin,
                compression=None,
                proxy=None,
                open_timeout=ANSWER_TIMEOUT,
                max_size=2**24,
            )
        )
        threading.Thread(target=self._read, daemon=True).start()

    def send(self, event: str, data: Any = None) -> None:
        self.socket.send(jsonlib.dumps({"event": event, "data": data}).decode())

    def call(self, event: str, data: Any = None) -> Data:
        call = self._new_call(event)
        self.socket.send(jsonlib.dumps({"event": event, "data": data, "id": call}).decode())
        return self.wait_for_ack(call)

    def wait_closed(self, within: float = ANSWER_TIMEOUT) -> tuple[int | None, str]:
        """Wait until the server closes the connection; return the close code and reason."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.is_closed, within):
                raise AssertionError(f"not closed within {within} s; received: {self.events}")
        return self.close_code, self.close_reason

    def close(self) -> None:
        self._stack.close()

    def _read(self) -> None:
        try:
            for text in self.socket:
                frame = jsonlib.loads(text)
                if frame["event"] == "ack":
                    ack = {key: value for key, value in frame.items() if key not in ("event", "id")}
                    self._record_ack(frame["id"], ack)
                else:
                    self._record_event(frame["event"], frame["data"])
        except ConnectionClosed:
            pass
        self.close_code, self.close_reason = self.socket.close_code, self.socket.close_reason or ""
        self._record_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        self.close()
        if kind is None:
            self.check_descriptions()


class SocketIoClient(Client):
    """The standard JavaScript client, with its default options unless `options` changes them."""

    def __init__(self, server: ServerProcess, token: str | None = None, **options: Any) -> None:
        super().__init__()
        options.setdefault("auth", {"token": token} if token is not None else {})
        self._node = subprocess.Popen(
            [NODE, "client.js", server.url, jsonlib.dumps(options).decode()],
            cwd=JS_CLIENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.connected = 0
        self.errors: list[Data] = []
        self.disconnects: list[str] = []
        self.transports: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def wait_connected(self, times: int = 1, within: float = START_TIMEOUT) -> Self:
        """Wait for Socket.IO's handshake (for the n-th, after reconnections)."""
        self._wait(lambda: self.connected >= times, "connect", within)
        return self

    def wait_refused(self, times: int = 1, within: float = START_TIMEOUT) -> Data:
        """Wait for the n-th `connect_error` and return its `{message, data}`."""
        self._wait(lambda: len(self.errors) >= times, "connect_error", within)
        return self.errors[times - 1]

    def wait_disconnected(self, within: float = ANSWER_TIMEOUT) -> str:
        self._wait(lambda: bool(self.disconnects), "disconnect", within)
        return self.disconnects[-1]

    def wait_upgraded(self, within: float = ANSWER_TIMEOUT) -> None:
        self._wait(lambda: "websocket" in self.transports, "upgrade", within)

    def send(self, event: str, data: Any = None) -> None:
        self.order(op="emit", event=event, arguments=[] if data is None else [data])

    def call(self, event: str, data: Any = None) -> Data:
        call = self._new_call(event)
        arguments = [] if data is None else [data]
        self.order(op="call", event=event, arguments=arguments, id=call, timeout=int(ANSWER_TIMEOUT * 1000))
        return self.wait_for_ack(call)

    def order(self, **order: Any) -> None:
        """Send an order to `client.js`."""
        assert self._node.stdin is not None
        self._node.stdin.write(jsonlib.dumps(order) + b"\n")
        self._node.stdin.flush()

    def close(self) -> None:
        assert self._node.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._node.stdin.close()
        self._node.wait(timeout=10)

    def _wait(self, condition: Callable[[], bool], what: str, within: float) -> None:
        with self._changed:
            if not self._changed.wait_for(condition, within):
                raise AssertionError(f"no {what} within {within} s; errors: {self.errors}")

    def _read(self) -> None:
        assert self._node.stdout is not None
        for line in self._node.stdout:
            message = jsonlib.loads(line)
            match message["type"]:
                case "event":
                    self._record_event(message["event"], message["data"])
                case "ack":
                    self._record_ack(message["id"], message.get("ack") or TIMEOUT)
                case kind:
                    with self._changed:
                        if kind == "connect":
                            self.connected += 1
                        elif kind == "transport":
                            self.transports.append(message["name"])
                        elif kind == "connect_error":
                            self.errors.append({"message": message["message"], "data": message["data"]})
                        elif kind == "disconnect":
                            self.disconnects.append(message["reason"])
                        self._changed.notify_all()
        self._record_close()
