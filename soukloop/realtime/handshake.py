"""The handshake of a connection, on either transport: checking its origin and identifying its user."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from django.utils.translation import gettext_lazy as _

from soukloop.core.batching import AsyncBatcher
from soukloop.core.error_codes import CoreErrorCode
from soukloop.core.errors import Forbidden, NotAuthenticated, ServerError
from soukloop.core.http.envelope import domain_error
from soukloop.core.http.languages import DEFAULT_LANGUAGE, requested_language
from soukloop.core.http.origins import is_trusted_origin
from soukloop.core.http.requests import bearer_token, forwarded_ip
from soukloop.core.redis.action_limits import count_action
from soukloop.realtime.dispatch import run_in_thread
from soukloop.realtime.error_codes import RealtimeErrorCode
from soukloop.realtime.sessions import Credentials, Guest, SocketUser, Visitor, authenticate

logger = logging.getLogger("soukloop.socket")


async def identify(
    scope: Mapping[str, Any], *, token: Any = None, ticket: Any = None, language: str | None = None
) -> Visitor:
    """Return who makes a handshake; raises DomainError with the reason for a refusal.

    `language` is what `handshake_language` returned.

    Accepts a bearer header (native apps), a one-use `?ticket=` (browsers), or Socket.IO's `auth`. Without
    any, or with an empty one, it is a guest. An access token in the URL is refused, because proxies and
    browsers store URLs, and a client that sent one would wonder why it is a guest.
    """
    headers, query = dict(scope["headers"]), scope["query_string"]
    token = token or bearer_token(headers.get(b"authorization", b"").decode("latin-1"))
    ticket = ticket or query_value(query, "ticket")
    if not isinstance(token or "", str) or not isinstance(ticket or "", str):
        raise NotAuthenticated(_("The token must be a string."), code=CoreErrorCode.TOKEN_INVALID)
    token, ticket = (token or "").strip(), (ticket or "").strip()
    if not token and not ticket:
        if query_value(query, "token"):
            message = _("Authentication is required. Send a token or a ticket.")
            raise NotAuthenticated(message, code=RealtimeErrorCode.CREDENTIALS_MISSING)
        return await _guest(scope, headers, language)
    found: SocketUser | Exception
    try:
        found = await _authenticate_batched(Credentials(token or None, ticket or None))
    except Exception as exc:
        found = exc
    if isinstance(found, SocketUser):
        return replace(found, language=language or found.language)
    error = domain_error(found)
    if error is None:
        logger.error("handshake failed", exc_info=found)
        error = ServerError()
    raise error from found


async def _guest(scope: Mapping[str, Any], headers: Mapping[bytes, bytes], language: str | None) -> Guest:
    """Return a guest; raises RateLimited for an address that connects too often."""
    peer, _port = scope.get("client") or ("unknown", None)
    address = forwarded_ip(peer or "unknown", headers.get(b"x-forwarded-for", b"").decode("latin-1"))
    count = partial(count_action, None, request_scope="socket_guest", user_id=None, ip=address)
    await run_in_thread(count)
    return Guest(address, language=language or DEFAULT_LANGUAGE)


async def _authenticate(credentials: list[Credentials]) -> list[SocketUser | Exception]:
    return await run_in_thread(partial(authenticate, credentials))


# Hundreds of handshakes arrive in the same second when a popular stream goes live.
_authenticate_batched = AsyncBatcher(_authenticate)


def handshake_language(scope: Mapping[str, Any], auth: Mapping[str, Any] | None = None) -> str | None:
    """Return the language that a handshake asks for, or None; then it is the account's.

    A page can't set a header of a WebSocket, so Socket.IO's `auth.language` and then `?language=` come
    before `Accept-Language`, which a browser always sends. A value other than "ar" and "en" is ignored.
    """
    for asked in ((auth or {}).get("language"), query_value(scope["query_string"], "language")):
        if asked in ("ar", "en"):
            return str(asked)
    return requested_language(dict(scope["headers"]).get(b"accept-language", b"").decode("latin-1"))


def query_value(query: bytes, name: str) -> str | None:
    """Return the first value of a query parameter, or None, also if there are too many parameters to read."""
    try:
        return parse_qs(query.decode("latin-1"), max_num_fields=100).get(name, [None])[0]
    except ValueError:
        return None


def check_origin(headers: dict[bytes, bytes]) -> None:
    """Refuse pages of other sites; only browsers send an Origin header. Raises Forbidden."""
    origin = headers.get(b"origin", b"").decode("latin-1")
    if origin and not is_trusted_origin(origin, headers.get(b"host", b"").decode("latin-1")):
        raise Forbidden(
            _("Connections from this site are not allowed."), code=RealtimeErrorCode.ORIGIN_NOT_ALLOWED
        )
