"""Which servers pushes of Web Push may go to."""

import re
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from django.conf import settings

_VISIBLE = re.compile(r"[!-\[\]-~]+")  # ASCII without spaces, control characters and the backslash
_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_HOST_MAX, _HTTPS = 253, 443


def is_allowed_endpoint(endpoint: str) -> bool:
    """Say whether an address, which may be anything that a client sent, is https and of WEBPUSH_HOSTS."""
    try:
        url = urlsplit(endpoint)
        host, port = url.hostname or "", url.port
    except ValueError:
        return False
    if url.scheme != "https" or "@" in url.netloc or not _VISIBLE.fullmatch(endpoint):
        return False
    if len(host) > _HOST_MAX or not _HOST.fullmatch(host):
        return False
    # Another port than that of https must be in the pattern.
    named = host if port in (None, _HTTPS) else f"{host}:{port}"
    return any(fnmatchcase(named, pattern) for pattern in settings.WEBPUSH_HOSTS)
