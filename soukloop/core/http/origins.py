"""Which sites' pages may use the API, its sockets and its media: those of TRUSTED_ORIGINS."""

import re
from typing import NamedTuple

from django.conf import settings

_ORIGIN = re.compile(r"(https?|wss?)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?")


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
