"""The routes under `/api/`, read from the URL conf, for tests of all routes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.urls import URLPattern, URLResolver, get_resolver

from soukloop.core.http.views import UnknownUrl

SOME_ID = UUID("00000000-0000-4000-8000-000000000000")
_WRITE = ("POST", "PUT", "PATCH", "DELETE")
METHODS = ("GET", *_WRITE)


@dataclass(frozen=True)
class Route:
    template: str
    view: Any

    @property
    def path(self) -> str:
        """Return a URL whose ids don't exist."""
        return re.sub(r"<(\w+):\w+>", lambda match: _VALUES.get(match[1], str(SOME_ID)), self.template)

    @property
    def methods(self) -> set[str]:
        actions = getattr(self.view, "actions", None)
        names = actions or [
            name for name in self.view.view_class.http_method_names if hasattr(self.view.view_class, name)
        ]
        return {name.upper() for name in names} & set(METHODS)


_VALUES = {"slug": "no-such-slug", "str": "no-such-name", "int": "0"}


def api_routes() -> list[Route]:
    """Return every route under `/api/`, except the one for unknown URLs."""
    return sorted(_routes(get_resolver().url_patterns, "/"), key=lambda route: route.template)


def _routes(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[Route]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, prefix + str(pattern.pattern))
            continue
        template = prefix + str(pattern.pattern)
        view_class = getattr(pattern.callback, "view_class", getattr(pattern.callback, "cls", None))
        if template.startswith("/api/") and view_class is not UnknownUrl:
            yield Route(template, pattern.callback)
