"""The ASGI application: REST, docs and admin through Django, sockets through `soukloop.realtime`."""

import os

from django.core.asgi import get_asgi_application

from soukloop.core.checks import refuse_unsafe_start

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "soukloop.settings")
refuse_unsafe_start()  # before an app reads an empty secret and fails with a longer message
django_application = get_asgi_application()

from typing import Any, cast  # noqa: E402 - apps must be ready first

from channels.routing import ProtocolTypeRouter  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core.signals import request_started  # noqa: E402
from django.db import close_old_connections, reset_queries  # noqa: E402

from soukloop.core import observing  # noqa: E402
from soukloop.core.fast_reads.application import FastReads  # noqa: E402
from soukloop.core.fast_reads.routes import collect_routes  # noqa: E402
from soukloop.core.http.body_limit import Asgi, BodyLimit  # noqa: E402
from soukloop.core.http.caching import Caching  # noqa: E402
from soukloop.core.http.cross_origin import CrossOrigin  # noqa: E402
from soukloop.core.http.disconnects import IgnoreDisconnects  # noqa: E402
from soukloop.core.http.middleware import InlineSignals  # noqa: E402
from soukloop.core.memory import tune_gc  # noqa: E402
from soukloop.realtime import lifecycle, shutdown  # noqa: E402
from soukloop.realtime.routing import websocket_application  # noqa: E402
from soukloop.realtime.socketio import PATH, SocketIoApp, SocketIoServer  # noqa: E402

observing.start("web")
tune_gc()
# A thread's connection to PostgreSQL is given back when its request ends: nothing is left for the next one.
request_started.disconnect(close_old_connections)
if not settings.DEBUG:
    request_started.disconnect(reset_queries)
socketio_server = SocketIoServer()
socketio_application = SocketIoApp(socketio_server)
fast_reads = FastReads(InlineSignals(cast(Asgi, django_application)), collect_routes())
http_application = CrossOrigin(Caching(BodyLimit(fast_reads)))


async def lifespan(scope: Any, receive: Any, send: Any) -> None:
    """Start the hub before the first connection, where the server announces it (daphne doesn't)."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await lifecycle.start()
            shutdown.announce_on_signals(socketio_server.end_without_logins)
            await send({"type": "lifespan.startup.complete"})
        else:
            await lifecycle.stop()
            await fast_reads.close()
            await send({"type": "lifespan.shutdown.complete"})
            return


class SocketIoFirst:
    """Give `/socket.io/` to Socket.IO, on either protocol, and the rest to the next."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        app = socketio_application if (scope["path"] + "/").startswith(PATH) else self.app
        await app(scope, receive, send)


application = ProtocolTypeRouter(
    {
        "http": IgnoreDisconnects(SocketIoFirst(http_application)),
        "websocket": SocketIoFirst(websocket_application()),
        "lifespan": lifespan,
    }
)
