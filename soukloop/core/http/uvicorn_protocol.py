"""uvicorn's HTTP protocol, with limits on connections and headers, and deaf to offers of other protocols.

Used by `uvicorn --http soukloop.core.http.uvicorn_protocol:HttpProtocol`. uvicorn documents few of the names
used here; `soukloop/tests/upstream` tests each of them.
"""

import asyncio
import logging
from http import HTTPStatus
from typing import Any

import httptools
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from soukloop.core import jsonlib
from soukloop.core.errors import DomainError, HeadersTooLarge, RateLimited, RequestTimeout, Unavailable
from soukloop.core.http.connections import RETRY_SECONDS, open_connections
from soukloop.core.http.envelope import error_body
from soukloop.core.http.languages import DEFAULT_LANGUAGE
from soukloop.core.metrics import CONNECTIONS_REFUSED

logger = logging.getLogger(__name__)

# Headers that offer another protocol; `Connection` is kept without them.
_OFFERS = (b"upgrade", b"http2-settings")


class HttpProtocol(HttpToolsProtocol):
    """Refuses connections over the limits, and those whose request headers do not arrive.

    A client may offer to go on in another protocol (`Upgrade: h2c`). A server may ignore that, but after such
    headers httptools stops parsing, so the request's body would be lost.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._header_timer: asyncio.TimerHandle | None = None
        self._header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        try:
            open_connections.add(transport, self.client[0] if self.client else "unknown")
        except DomainError as error:
            self._refuse(error)
            return
        self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_of_headers()
        open_connections.remove(self.transport)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self._unset_keepalive_if_required()
        if self._header_timer is not None:
            self._header_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._should_upgrade():
                self._end_of_headers()
                self.handle_websocket_upgrade()
            elif self._ignores_offer():
                self._parse_without_offer(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
            return
        if self._header_timer is not None and self._header_bytes > settings.REQUEST_HEADERS_MAX_BYTES:
            self._refuse(HeadersTooLarge())

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._expect_headers()

    def on_headers_complete(self) -> None:
        if self._ignores_offer():
            return  # called again, without the offer
        self._end_of_headers()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        if not self._ignores_offer():
            super().on_message_complete()

    def _ignores_offer(self) -> bool:
        # llhttp also stops after the headers of CONNECT, which offers nothing.
        if not self.parser.should_upgrade() or self.parser.get_method() == b"CONNECT":
            return False
        return not self._should_upgrade()

    def _parse_without_offer(self, rest: bytes) -> None:
        """Parse the request once more, without the headers that offer a protocol; `rest` follows them."""
        version = self.parser.get_http_version().encode()
        lines = [self.parser.get_method() + b" " + self.url + b" HTTP/" + version]
        for name, value in self.headers:
            if name == b"connection":
                tokens = [token.strip() for token in value.split(b",")]
                value = b", ".join(token for token in tokens if token.lower() not in _OFFERS)
            if name not in _OFFERS:
                lines.append(name + b": " + value)
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn sets it
        self.data_received(b"\r\n".join(lines) + b"\r\n\r\n" + rest)

    def _expect_headers(self) -> None:
        if self._header_timer is None:
            self._header_bytes = 0
            seconds = settings.REQUEST_HEADERS_TIMEOUT.total_seconds()
            self._header_timer = self.loop.call_later(seconds, self._headers_timed_out)

    def _end_of_headers(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None
        open_connections.has_request(self.transport)

    def _headers_timed_out(self) -> None:
        self._header_timer = None
        if not self.transport.is_closing():
            self._refuse(RequestTimeout(_("The request headers took too long to arrive.")))

    def _refuse(self, error: DomainError) -> None:
        """Answer before there is a request that an application could answer, and close the connection."""
        logger.info("connection refused: %s", error.code)
        CONNECTIONS_REFUSED.labels(error.code).inc()
        body = jsonlib.dumps(error_body(error))
        lines = [
            f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}",
            "Content-Type: application/json",
            f"Content-Language: {DEFAULT_LANGUAGE}",
            f"Content-Length: {len(body)}",
            "Connection: close",
        ]
        if isinstance(error, (RateLimited, Unavailable)):
            lines.append(f"Retry-After: {RETRY_SECONDS}")
        head = "\r\n".join(lines) + "\r\n\r\n"
        self.transport.write(head.encode() + body)
        self.transport.close()
