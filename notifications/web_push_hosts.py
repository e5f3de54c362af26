"""Which servers pushes of Web Push may go to."""

from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from django.conf import settings


def is_allowed_endpoint(endpoint: str) -> bool:
    """Say whether an address, which may be anything that a client sent, is https and of WEBPUSH_HOSTS."""
    try:
        url = urlsplit(endpoint)
        host = url.hostname or ""
        _ = url.port
    except ValueError:
        return False
    if (
        url.scheme != "https"
        or url.username is not None
        or url.password is not None
        or not endpoint.isascii()
    ):
        return False
    return any(fnmatchcase(host, pattern) for pattern in settings.WEBPUSH_HOSTS)
