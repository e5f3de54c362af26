"""What several screens of payments show: amounts, states, people, lines of the ledger."""

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.models import User
from payments.models import Entry, Payment
from soukloop.core.staff import format


def staff_user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def amount_cell(text: str) -> SafeString:
    """Return an amount for a list, in figures that stand below one another."""
    return format_html('<span class="amount">{}</span>', text)


def person(user: User | None) -> SafeString | str:
    return format.link_to(user, 16)


def payment_link(payment: Payment | None) -> SafeString | str:
    if payment is None:
        return format.NOTHING
    return format.link_to(payment, text=f"{payment} ({format.words(payment.state)})")


def entries_table(entries: Iterable[Entry]) -> SafeString | str:
    """Return the entries of the ledger, one line per line; `lines__person` must be loaded."""
    rows: list[tuple[Any, ...]] = []
    for entry in entries:
        for number, line in enumerate(entry.lines.all()):
            is_first = number == 0
            rows.append(
                (
                    format.full_datetime(entry.created_at) if is_first else "",
                    format.link_to(entry, text=format.words(entry.kind)) if is_first else "",
                    format.words(line.account),
                    person(line.person) if line.person else "",
                    amount_cell(format.fils(line.amount)) if line.amount > 0 else "",
                    amount_cell(format.fils(-line.amount)) if line.amount < 0 else "",
                )
            )
    return format.table(("Time", "Entry", "Account", "Seller", "Debit", "Credit"), rows)
