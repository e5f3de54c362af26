"""The handshake of a connection, on either transport: checking its origin and identifying its user."""

import logging
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from django.utils.translation import gettext_lazy as _

from soukloop.core.batching import AsyncBatcher
from soukloop.core.error_codes import CoreErrorCode
from soukloop.core.errors import Forbidden, NotAuthenticated, ServerError
from soukloop.core.http.envelope import domain_error
from soukloop.core.http.languages import requested_language
from soukloop.core.http.origins import is_trusted_origin
from soukloop.core.http.requests import bearer_token
from soukloop.realtime.dispatch import run_in_thread
from soukloop.realtime.error_codes import RealtimeErrorCode
from soukloop.realtime.sessions import Credentials, SocketUser, authenticate

logger = logging.getLogger("soukloop.socket")


async def identify_user(
    headers: dict[bytes, bytes], query: bytes, *, token: Any = None, ticket: Any = None
) -> SocketUser:
    """Return the user of a handshake, with its language; raises DomainError with the reason for a refusal.

    Accepts a bearer header (native apps), a one-use `?ticket=` (browsers), or Socket.IO's `auth`, but no
    access token in a URL, because proxies and browsers store URLs.
    """
    token = token or bearer_token(headers.get(b"authorization", b"").decode("latin-1"))
    ticket = ticket or query_value(query, "ticket")
    if not isinstance(token or "", str) or not isinstance(ticket or "", str):
        raise NotAuthenticated(_("The token must be a string."), code=CoreErrorCode.TOKEN_INVALID)
    token, ticket = (token or "").strip(), (ticket or "").strip()
    if not token and not ticket:
        message = _("Authentication is required. Send a token or a ticket.")
        raise NotAuthenticated(message, code=RealtimeErrorCode.CREDENTIALS_MISSING)
    found: SocketUser | Exception
    try:
        found = await _authenticate_batched(Credentials(token or None, ticket or None))
    except Exception as exc:
        found = exc
    if isinstance(found, SocketUser):
        return replace(found, language=handshake_language(headers) or found.language)
    error = domain_error(found)
    if error is None:
        logger.error("handshake failed", exc_info=found)
        error = ServerError()
    raise error from found


async def _authenticate(credentials: list[Credentials]) -> list[SocketUser | Exception]:
    return await run_in_thread(partial(authenticate, credentials))


# Hundreds of handshakes arrive in the same second when a popular stream goes live.
_authenticate_batched = AsyncBatcher(_authenticate)


def handshake_language(headers: dict[bytes, bytes]) -> str | None:
    """Return the language that a handshake asks for, or None; then it is the account's."""
    return requested_language(headers.get(b"accept-language", b"").decode("latin-1"))


def query_value(query: bytes, name: str) -> str | None:
    """Return the first value of a query parameter, or None."""
    return parse_qs(query.decode("latin-1"), max_num_fields=100).get(name, [None])[0]


def check_origin(headers: dict[bytes, bytes]) -> None:
    """Refuse pages of other sites; only browsers send an Origin header. Raises Forbidden."""
    origin = headers.get(b"origin", b"").decode("latin-1")
    if origin and not is_trusted_origin(origin, headers.get(b"host", b"").decode("latin-1")):
        raise Forbidden(
            _("Connections from this site are not allowed."), code=RealtimeErrorCode.ORIGIN_NOT_ALLOWED
        )
