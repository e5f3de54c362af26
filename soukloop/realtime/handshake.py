"""The handshake of a connection, on either transport: checking its origin and identifying its user."""

import logging
import re
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from django.conf import settings

from soukloop.core.batching import AsyncBatcher
from soukloop.core.error_codes import CoreErrorCode
from soukloop.core.errors import Forbidden, NotAuthenticated, ServerError
from soukloop.core.http.envelope import domain_error
from soukloop.core.http.requests import bearer_token
from soukloop.realtime.dispatch import run_in_thread
from soukloop.realtime.error_codes import RealtimeErrorCode
from soukloop.realtime.sessions import Credentials, SocketUser, authenticate

logger = logging.getLogger("soukloop.socket")

_ORIGIN = re.compile(r"(https?|wss?)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?")


async def identify_user(
    headers: dict[bytes, bytes], query: bytes, *, token: Any = None, ticket: Any = None
) -> SocketUser:
    """Return the user of a handshake; raises DomainError with the reason for a refusal.

    Accepts a bearer header (native apps), a one-use `?ticket=` (browsers), or Socket.IO's `auth`, but no
    access token in a URL, because proxies and browsers store URLs.
    """
    token = token or bearer_token(headers.get(b"authorization", b"").decode("latin-1"))
    ticket = ticket or query_value(query, "ticket")
    if not isinstance(token or "", str) or not isinstance(ticket or "", str):
        raise NotAuthenticated("The token must be a string.", code=CoreErrorCode.TOKEN_INVALID)
    token, ticket = (token or "").strip(), (ticket or "").strip()
    if not token and not ticket:
        message = "Authentication is required. Send a token or a ticket."
        raise NotAuthenticated(message, code=RealtimeErrorCode.CREDENTIALS_MISSING)
    found: SocketUser | Exception
    try:
        found = await _authenticate_batched(Credentials(token or None, ticket or None))
    except Exception as exc:
        found = exc
    if isinstance(found, SocketUser):
        return found
    error = domain_error(found)
    if error is None:
        logger.error("handshake failed", exc_info=found)
        error = ServerError()
    raise error from found


async def _authenticate(credentials: list[Credentials]) -> list[SocketUser | Exception]:
    return await run_in_thread(partial(authenticate, credentials))


# Hundreds of handshakes arrive in the same second when a popular stream goes live.
_authenticate_batched = AsyncBatcher(_authenticate)


def query_value(query: bytes, name: str) -> str | None:
    """Return the first value of a query parameter, or None."""
    return parse_qs(query.decode("latin-1"), max_num_fields=100).get(name, [None])[0]


def check_origin(headers: dict[bytes, bytes]) -> None:
    """Refuse pages of other sites; only browsers send an Origin header. Raises Forbidden."""
    origin = headers.get(b"origin", b"").decode("latin-1")
    if origin and not is_trusted_origin(origin, headers.get(b"host", b"").decode("latin-1")):
        raise Forbidden(
            "Connections from this site are not allowed.", code=RealtimeErrorCode.ORIGIN_NOT_ALLOWED
        )


class _Origin(NamedTuple):
    scheme: str
    host: str
    port: int


def is_trusted_origin(origin: str, host: str) -> bool:
    """Return whether the origin is in TRUSTED_ORIGINS or is the requested host itself.

    All three of scheme, host and port count; with DEBUG, any port of the same machine is trusted.
    """
    parsed = _parse_origin(origin)
    if parsed is None:
        return False
    if parsed in map(_parse_origin, settings.TRUSTED_ORIGINS) or parsed == _parse_origin(
        f"{parsed.scheme}://{host}"
    ):
        return True
    return settings.DEBUG and parsed.host in ("localhost", "127.0.0.1", "[::1]")


def _parse_origin(text: str) -> _Origin | None:
    """Return the parts of an origin, or None for any other text; `urlsplit` would ignore a part of it."""
    found = _ORIGIN.fullmatch(text.lower())
    if found is None:
        return None
    # Some native clients send the socket's own URL.
    scheme = {"ws": "http", "wss": "https"}.get(found[1], found[1])
    return _Origin(scheme, found[2], int(found[3] or {"http": 80, "https": 443}[scheme]))
