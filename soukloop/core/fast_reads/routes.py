"""What an app declares about a fast read, and how all of them are found."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from django.http import QueryDict

from soukloop.core.db.reads import Reads
from soukloop.core.domain import domain_apps, import_submodule


class Viewer(Protocol):
    @property
    def id(self) -> Any: ...
    @property
    def language(self) -> str: ...


@dataclass(frozen=True)
class FastRoute:
    """A GET whose envelope's data is `select(parse(params), viewer=…)`; both may raise what views may raise.

    The result of `parse` depends on the parameters alone, and nobody changes it. `authenticate` reads the
    viewer of an `Authorization` header.
    """

    parse: Callable[[QueryDict], Any]
    select: Callable[..., Reads[Any]]
    authenticate: Callable[[str], Reads[Viewer | None]]
    rate_scope: str = ""


def collect_routes() -> dict[str, FastRoute]:
    """Return the routes by path: the `ROUTES` of each domain app that has a module `fast_reads`."""
    modules = (import_submodule(app, "fast_reads") for app in domain_apps())
    return {path: route for module in modules if module for path, route in module.ROUTES.items()}
