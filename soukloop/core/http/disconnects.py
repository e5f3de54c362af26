"""Clients that are gone before their answer is."""

import logging
from collections.abc import MutableMapping
from typing import Any

from soukloop.core.http.body_limit import Asgi, Message, Receive, Send

logger = logging.getLogger(__name__)


class IgnoreDisconnects:
    """Let an answer that nobody takes any more be lost, as ASGI has its servers do.

    For the second of two requests that were sent at once, uvicorn raises RuntimeError instead. To Django that
    is its own failure half-way through an answer: the request never ends, and its database connection never
    comes back to the pool.
    """

    def __init__(self, app: Asgi) -> None:
        self.app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        is_gone = False

        async def send_if_there(message: Message) -> None:
            nonlocal is_gone
            if is_gone:
                return
            try:
                await send(message)
            except (OSError, RuntimeError) as error:
                if isinstance(error, RuntimeError) and "closed" not in str(error):
                    raise  # a mistake of ours
                is_gone = True
                logger.info("an answer was lost: %s", error)

        await self.app(scope, receive, send_if_there)
