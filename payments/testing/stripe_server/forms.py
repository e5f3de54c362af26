"""Reading parameters as Stripe's API takes them: `a[b][0][c]=value`."""

import re
from typing import Any
from urllib.parse import parse_qsl

from payments.testing.stripe_server.errors import invalid

_PARTS = re.compile(r"\[([^\]]*)\]")


def parse_form(text: str) -> dict[str, Any]:
    """Return nested dictionaries and lists of strings."""
    result: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        first, bracket, rest = name.partition("[")
        keys = [first, *_PARTS.findall(bracket + rest)]
        node = result
        for key in keys[:-1]:
            node = node.setdefault(key, {})
            if not isinstance(node, dict):
                raise invalid(f"Invalid parameter: {name}", param=name)
        last = keys[-1] or str(len(node))
        node[last] = value
    return {name: _lists(value) for name, value in result.items()}


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    parts = {name: _lists(part) for name, part in value.items()}
    if parts and all(name.isdigit() for name in parts):
        return [parts[name] for name in sorted(parts, key=int)]
    return parts
