"""Clients that disconnect before the response is sent."""

import logging
from collections.abc import MutableMapping
from typing import Any

from soukloop.core.http.body_limit import Asgi, Message, Receive, Send

logger = logging.getLogger(__name__)


class IgnoreDisconnects:
    """Drop what can't be sent because the client has disconnected, as ASGI asks of servers.

    For the second of two pipelined requests uvicorn raises RuntimeError instead. To Django that is a failure
    of its own in the middle of a response: the request never ends, and its database connection never returns
    to the pool.
    """

    def __init__(self, app: Asgi) -> None:
        self.app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        has_disconnected = False

        async def send_if_connected(message: Message) -> None:
            nonlocal has_disconnected
            if has_disconnected:
                return
            try:
                await send(message)
            except (OSError, RuntimeError) as error:
                if isinstance(error, RuntimeError) and "closed" not in str(error):
                    raise  # our own mistake
                has_disconnected = True
                logger.info("client disconnected before response: %s", error)

        await self.app(scope, receive, send_if_connected)
