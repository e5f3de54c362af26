"""Threads of requests, kept from one request to the next."""

from concurrent.futures import ThreadPoolExecutor

from asgiref.sync import ThreadSensitiveContext

from soukloop.core.http.body_limit import Asgi, Message, Receive, Send

_KEPT_MAX = 40


class KeptThreads:
    """Let each request use a thread that an earlier one left, rather than start one as Django does.

    With the thread go Django's objects for its connection to PostgreSQL, which live in it. The thread that
    was used last is used first: so there are as many as there are requests at a time.
    """

    def __init__(self, app: Asgi) -> None:
        self.app = app
        self._idle: list[ThreadPoolExecutor] = []

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        thread = self._idle.pop() if self._idle else ThreadPoolExecutor(1, thread_name_prefix="request")
        try:
            async with ThreadSensitiveContext(executor=thread):
                await self.app(scope, receive, send)
        finally:
            if len(self._idle) < _KEPT_MAX:
                self._idle.append(thread)
            else:
                thread.shutdown(wait=False)
