"""Counting requests: by their URL pattern and status, never by what a client wrote into the path."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from prometheus_client import Counter, Histogram

from soukloop.core.metrics import REQUEST_SECONDS, REQUESTS

UNKNOWN = "unknown"  # no such URL
REFUSED = "refused"  # before its headers or its body had arrived
STATIC = "static"
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})

_series: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}


def count_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count a request that was answered; `route` is one of a limited number."""
    key = (method, route, status)
    series = _series.get(key)
    if series is None:
        known = method if method in _METHODS else "other"
        counted = (REQUESTS.labels(known, route, str(status)), REQUEST_SECONDS.labels(known, route))
        if known == "other":  # clients may invent thousands of them
            series = counted
        else:
            series = _series[key] = counted
    series[0].inc()
    series[1].observe(seconds)


def route_of(request: HttpRequest) -> str:
    """Return the pattern of a request's URL, as `api/v1/offers/<uuid:id>`, or a word where there is none."""
    match: Any = getattr(request, "resolver_match", None)
    if match is None or match.route.startswith("^"):  # the pattern of unknown URLs under /api/
        return STATIC if request.path.startswith(settings.STATIC_URL) else UNKNOWN
    return f"/{match.route}"
