"""Before the server stops: every socket is told when to connect again, and closed."""

import asyncio
import random
import signal
import threading
from collections.abc import Callable
from types import FrameType

from django.conf import settings

from soukloop.realtime.builtin_events import SERVER_SHUTDOWN
from soukloop.realtime.hub import hub

CLOSE_RESTARTING = 1012  # WebSocket's "service restart"


def announce_on_signals(end_handshakes: Callable[[], None]) -> None:
    """Call `announce` when the process is asked to stop, before the server closes its connections.

    `end_handshakes` is called too: it ends the connections that have no member yet.
    The server says nothing to an application until all connections are closed, so its signal handlers are
    wrapped; called once it has set them.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        handler = signal.getsignal(number)
        if callable(handler):
            signal.signal(number, _announcing(loop, handler, end_handshakes))


def _announcing(
    loop: asyncio.AbstractEventLoop,
    handler: Callable[[int, FrameType | None], object],
    end_handshakes: Callable[[], None],
) -> Callable[[int, FrameType | None], None]:
    def handle(number: int, frame: FrameType | None) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(announce)
            loop.call_soon_threadsafe(end_handshakes)
        handler(number, frame)

    return handle


def announce() -> None:
    """Send each connection `server:shutdown` with a delay of its own, then close it.

    The delays spread over SOCKET_RECONNECT_SPREAD, so that other processes don't get all handshakes at once.
    """
    spread = settings.SOCKET_RECONNECT_SPREAD.total_seconds()
    for member in list(hub.members.values()):
        delay = round(random.uniform(0, spread) * 1000)  # noqa: S311 - no secret
        member.emit(SERVER_SHUTDOWN.name, {"reconnectAfterMs": delay})
        reason = f"The server restarts. Connect again in {delay / 1000:.0f} s."
        member.close(CLOSE_RESTARTING, reason, reconnect=True)
