"""The arithmetic of fees, VAT and refunds: pure functions on integers in fils, rounded half up.

docs/money.md has worked examples, which a test computes again.
"""

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from django.conf import settings

IN_PERSON = "in_person"
"""The name of the provider of payments that are made without us."""


@dataclass(frozen=True)
class Parts:
    """How an amount that a buyer pays is divided; the three add up to it."""

    share: int
    """What the seller keeps."""
    net: int
    """Our fee without VAT."""
    vat: int

    @property
    def fee(self) -> int:
        """Our fee, VAT included."""
        return self.net + self.vat

    @property
    def amount(self) -> int:
        return self.share + self.net + self.vat


def vat_within(fee: int) -> int:
    """Return the VAT that a fee includes: of 42.50 at 5 %, 2.02."""
    numerator, denominator = _vat_rate(settings.VAT_RATE)
    return part_of(fee, numerator, numerator + denominator)


def part_of(amount: int, numerator: int, denominator: int) -> int:
    """Return numerator/denominator of an amount that is not negative, rounded half up."""
    return (2 * amount * numerator + denominator) // (2 * denominator)


def parts_of(amount: int, fee: int, vat: int, *, returned: int = 0) -> Parts:
    """Return how a payment is divided once a sum of it has gone back to the payer.

    Our fee shrinks in proportion to what is left, and so does the VAT in it; each is rounded once, from the
    figures of the start, so that the order and number of refunds make no difference.
    """
    left = max(amount - returned, 0)
    fee_left = part_of(fee, left, amount)
    vat_left = part_of(vat, left, amount)
    return Parts(share=left - fee_left, net=fee_left - vat_left, vat=vat_left)


def parts_returned(amount: int, fee: int, vat: int, *, before: int, part: int) -> Parts:
    """Return how a refund is divided: what each gives back of `part`, when `before` had been returned.

    The VAT or the net fee of a part may be negative by a fil, where rounding had given too much back.
    """
    first = parts_of(amount, fee, vat, returned=before)
    then = parts_of(amount, fee, vat, returned=before + part)
    return Parts(share=first.share - then.share, net=first.net - then.net, vat=first.vat - then.vat)


@lru_cache(maxsize=8)
def _vat_rate(rate: str) -> tuple[int, int]:
    return Decimal(rate).as_integer_ratio()
