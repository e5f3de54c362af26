"""A seller's monthly statement as CSV, in the active language."""

import csv
import io
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from payments.models import Entry
from payments.selectors.statements import BUSINESS_ZONE, Balances, StatementLine

BYTE_ORDER_MARK = "\ufeff"  # without it, Excel reads Arabic as another encoding
# A cell that begins with one of these is a formula to a spreadsheet; a title may begin with anything.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_HEADINGS = (
    _("Date and time"),
    _("Event"),
    _("Sale"),
    _("Reference"),
    _("Currency"),
    _("Price"),
    _("Our fee, VAT included"),
    _("VAT in the fee"),
    _("Pending"),
    _("Available"),
    _("On its way to your bank"),
    _("Fees you owe"),
)
_EVENTS = {
    Entry.Kind.CHARGE: _("Sale paid by card"),
    Entry.Kind.HAND_OVER_FEE: _("Fee of a sale in person"),
    Entry.Kind.FEE_PAID: _("Fees paid"),
    Entry.Kind.RELEASE: _("Sale completed"),
    Entry.Kind.REFUND: _("Refund"),
    Entry.Kind.REFUND_RETURNED: _("Refund returned"),
    Entry.Kind.FEE_WAIVED: _("Fee given back"),
    Entry.Kind.CHARGEBACK: _("Taken back by the buyer's bank"),
    Entry.Kind.CHARGEBACK_WON: _("Returned by the buyer's bank"),
    Entry.Kind.CHARGEBACK_LOST: _("Taken back by the buyer's bank"),
    Entry.Kind.PAYOUT: _("Payout"),
    Entry.Kind.PAYOUT_PAID: _("Payout arrived"),
    Entry.Kind.PAYOUT_RETURNED: _("Payout returned"),
    Entry.Kind.PROVIDER_FEE: _("Fee of the payment provider"),
    Entry.Kind.CORRECTION: _("Correction"),
}


def heading() -> str:
    """Return the first row."""
    return _csv([_HEADINGS])


def balance_row(label: Any, moment: datetime, balances: Balances) -> str:
    """Return a row with what is in the accounts at a moment."""
    return _csv([[_time(moment), label, "", "", settings.CURRENCY, "", "", "", *map(_amount, balances)]])


def line_rows(lines: Iterable[StatementLine]) -> str:
    """Return a row for each line: what happened, and how each account changed."""
    return _csv(
        [
            _time(line.at),
            _EVENTS[line.kind],
            _as_text(line.description),
            line.reference or "",
            settings.CURRENCY,
            _amount(line.price),
            _amount(line.fee),
            _amount(line.vat),
            *map(_amount, line.changes),
        ]
        for line in lines
    )


def _csv(rows: Iterable[Iterable[Any]]) -> str:
    target = io.StringIO()
    csv.writer(target).writerows(rows)
    return target.getvalue()


def _as_text(value: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{value}" if value.lstrip(" ").startswith(_FORMULA_STARTS) else value


def _amount(fils: int | None) -> str:
    if fils is None:
        return ""
    return f"{'-' if fils < 0 else ''}{abs(fils) // 100}.{abs(fils) % 100:02d}"


def _time(moment: datetime) -> str:
    return moment.astimezone(BUSINESS_ZONE).strftime("%Y-%m-%d %H:%M:%S")
