"""Amounts of money: decimals with two places, rounded half up."""

import re
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from soukloop.core.typed_text import normalize_digits

CENT = Decimal("0.01")
PRICE_DISPLAY = "The price for people, in the language of the answer, such as AED 850.00"
_PLAIN = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")


def quantize(amount: Decimal) -> Decimal:
    """Round to two places, half up."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def split_by_rate(amount: Decimal, rate: Decimal) -> tuple[Decimal, Decimal]:
    """Return the rounded share at this rate, and the rest; the two add up to the amount."""
    share = quantize(amount * rate)
    return share, amount - share


def to_fils(amount: Decimal) -> int:
    """Return an amount in fils, a hundredth of a dirham; raises ValueError for a part of one."""
    fils = amount.scaleb(2)
    if fils != fils.to_integral_value():
        raise ValueError(f"{amount} is not a whole number of fils")
    return int(fils)


def from_fils(fils: int) -> Decimal:
    """Return an amount of two places."""
    return Decimal(fils).scaleb(-2).quantize(CENT)


def price_display(amount: Decimal, currency: str, language: str | None = None) -> str:
    """Return an amount for people, in the active language: `AED 1,850.00`, in Arabic `1,850.00 د.إ.`.

    `language` is the active one, for lists, which look it up once.
    """
    return _display_template(language or translation.get_language(), currency).format(f"{amount:,.2f}")


@lru_cache(maxsize=64)
def _display_template(language: str | None, currency: str) -> str:
    # Looked up once, because lists have twenty prices. The language is that which `gettext` translates into.
    name = gettext("AED") if currency == "AED" else currency
    # Translators: an amount of money, such as "AED 850.00".
    return gettext("%(currency)s %(amount)s") % {"currency": name, "amount": "{}"}


@extend_schema_field(
    {"type": "number", "format": "double", "minimum": float(CENT), "maximum": float(settings.PRICE_MAX)}
)
class PriceField(serializers.DecimalField):
    """A price: a positive JSON number (or a numeric string) with at most two places, below 10 million."""

    default_error_messages = {
        "not_a_number": _("A price must be a number."),
        "not_positive": _("A price must be more than zero."),
        "invalid": _("A price must be a number."),
        "max_decimal_places": _("A price must have at most two decimal places."),
        "max_value": _("A price must be below 10,000,000."),
        "max_digits": _("A price must be below 10,000,000."),
        "max_whole_digits": _("A price must be below 10,000,000."),
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=26, decimal_places=2, coerce_to_string=False, **kwargs)

    def to_internal_value(self, data: Any) -> Decimal:
        if isinstance(data, bool) or not isinstance(data, (int, float, str, Decimal)):
            self.fail("not_a_number")
        if isinstance(data, str):
            data = normalize_digits(data[:100])
            # Decimal() also accepts "7_50" and "1e2", which are typos here.
            if not _PLAIN.fullmatch(data):
                self.fail("not_a_number")
        value = super().to_internal_value(data)
        if value <= 0:
            self.fail("not_positive")
        if value > Decimal(settings.PRICE_MAX):
            self.fail("max_value")
        return quantize(value)
