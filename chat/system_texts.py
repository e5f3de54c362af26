"""Texts that the platform writes into conversations, shown to each reader in their language."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.utils import translation

from soukloop.core.errors import Text
from soukloop.core.money import price_display

_TEMPLATES: dict[str, Text] = {}


def declare_system_text(name: str, template: Text) -> str:
    """Register a text with `%(price)s` for an amount, as an app's modules are loaded; return its name."""
    if name in _TEMPLATES:
        raise ValueError(f"The system text {name} is declared twice")
    _TEMPLATES[name] = template
    return name


def system_texts() -> list[str]:
    """Return the names of all texts, once the apps are loaded."""
    return list(_TEMPLATES)


def system_text(name: str, *, amount: Decimal, currency: str) -> tuple[str, dict[str, Any]]:
    """Return a message's content in English, which is stored, and the `data` from which it is translated."""
    with translation.override("en"):
        content = str(_TEMPLATES[name] % {"price": f"{currency} {amount}"})
    return content, {"text": name, "amount": str(amount), "currency": currency}


def translated_content(data: Mapping[str, Any]) -> str | None:
    """Return a message's content in the active language; None if its `data` has no declared text."""
    template = _TEMPLATES.get(str(data.get("text")))
    if template is None:
        return None
    return str(template % {"price": price_display(Decimal(data["amount"]), data["currency"])})
