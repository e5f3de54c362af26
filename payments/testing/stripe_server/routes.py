"""The table of routes, and what a handler is given."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from payments.testing.stripe_server.errors import invalid, missing
from payments.testing.stripe_server.store import Object, Store


@dataclass
class Call:
    """A request whose key, version and account were checked."""

    store: Store
    account: str
    params: dict[str, Any]
    ids: dict[str, str] = field(default_factory=dict)
    is_payer: bool = False
    """Sent with the publishable key, from somebody's phone."""

    def text(self, name: str, *, default: str | None = None) -> str:
        value = self.params.get(name, default)
        if value is None:
            raise invalid(f"Missing required param: {name}.", code="parameter_missing", param=name)
        if not isinstance(value, str):
            raise invalid(f"Invalid string: {name}", param=name)
        return value

    def integer(self, name: str, *, default: int | None = None) -> int:
        if name not in self.params and default is not None:
            return default
        text = self.text(name)
        if not re.fullmatch(r"-?\d{1,12}", text):
            raise invalid(f"Invalid integer: {text}", code="parameter_invalid_integer", param=name)
        return int(text)

    def flag(self, name: str) -> bool:
        text = self.text(name, default="false")
        if text not in ("true", "false"):
            raise invalid(f"Invalid boolean: {text}", param=name)
        return text == "true"

    def nested(self, name: str) -> dict[str, Any]:
        value = self.params.get(name) or {}
        if not isinstance(value, dict):
            raise invalid("Invalid object", param=name)
        return value

    def find(self, noun: str, name: str = "id", *, account: str | None = None) -> Object:
        """Return the object that the address names."""
        return self.store.get(noun, self.ids[name], self.account if account is None else account)


Handler = Callable[[Call], Object]


@dataclass(frozen=True)
class Route:
    pattern: re.Pattern[str]
    params: frozenset[str]
    handler: Handler
    payers: bool


ROUTES: dict[str, list[Route]] = {"GET": [], "POST": [], "DELETE": []}


def route(method: str, path: str, params: str = "", *, payers: bool = False) -> Callable[[Handler], Handler]:
    """Register a handler; a parameter that is not named here is refused, as Stripe does."""

    def register(handler: Handler) -> Handler:
        pattern = re.compile("/v1" + re.sub(r"\{(\w+)\}", r"(?P<\1>[\\w-]+)", path))
        ROUTES[method].append(Route(pattern, frozenset(params.split()) | {"expand"}, handler, payers))
        return handler

    return register


def find_route(method: str, path: str) -> tuple[Route, dict[str, str]]:
    for candidate in ROUTES.get(method, []):
        match = candidate.pattern.fullmatch(path)
        if match:
            return candidate, match.groupdict()
    raise missing("route", f"{method} {path}")


def check_params(found: Route, params: dict[str, Any]) -> None:
    unknown = sorted(set(params) - found.params)
    if unknown:
        raise invalid(f"Received unknown parameter: {unknown[0]}", code="parameter_unknown", param=unknown[0])


def page(call: Call, noun: str, url: str, *, index: str = "", account: str | None = None) -> Object:
    """Return a list object, the newest first, with `limit`, `starting_after` and `created`."""
    ids = list(reversed(call.store.listed(noun, call.account if account is None else account, index=index)))
    after = call.params.get("starting_after")
    if after:
        if after not in ids:
            raise missing(noun, after)
        ids = ids[ids.index(after) + 1 :]
    bounds = {name: int(value) for name, value in call.nested("created").items()}
    items = [
        item
        for item in map(call.store.find, ids)
        if item
        and item["created"] >= bounds.get("gte", 0)
        and ("lt" not in bounds or item["created"] < bounds["lt"])
    ]
    limit = call.integer("limit", default=10)
    if not 1 <= limit <= 100:
        raise invalid("This value must be between 1 and 100.", param="limit")
    return {"object": "list", "url": url, "data": items[:limit], "has_more": len(items) > limit}


def expand(store: Store, answer: Object, paths: list[str]) -> None:
    """Replace ids by their objects where `expand` asks for it."""
    for path in paths:
        _expand(store, answer, path.split("."))


def _expand(store: Store, node: Any, keys: list[str]) -> None:
    if isinstance(node, list):
        for item in node:
            _expand(store, item, keys)
    elif isinstance(node, dict) and keys and keys[0] in node:
        value = node[keys[0]]
        if isinstance(value, str):
            found = store.find(value)
            if found is None:
                return
            value = node[keys[0]] = store.copy(found)
        if len(keys) > 1:
            _expand(store, value, keys[1:])
