"""Reads of a seller's monthly statements."""

from datetime import UTC, date, datetime
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection

from payments.models import Entry

BUSINESS_ZONE = ZoneInfo(settings.STAFF_TIME_ZONE)
"""In which a day and a month of business begin."""
_ROWS = 500  # of one statement

_ACCOUNTS = ("seller_pending", "seller_available", "seller_on_its_way", "fee_debt")
_OWN = f"line.person_id = %(person)s AND line.account IN ({', '.join(repr(name) for name in _ACCOUNTS)})"
_SUMS = ", ".join(
    f"coalesce(sum(line.amount) FILTER (WHERE {_OWN} AND line.account = '{account}'), 0)::bigint"
    for account in _ACCOUNTS
)

# The fee of an entry is shown only if its sale is this seller's: a correction may concern several people.
_LINES = f"""
SELECT entry.id, entry.created_at, entry.kind, coalesce(payment.description, ''),
    coalesce(payment.reference, entry.payout_id),
    CASE WHEN entry.kind IN ('charge', 'hand_over_fee') THEN payment.amount END,
    sum(line.amount) FILTER (WHERE payment.payee_id = %(person)s AND line.account IN ('fees', 'vat'))::bigint,
    sum(line.amount) FILTER (WHERE payment.payee_id = %(person)s AND line.account = 'vat')::bigint,
    {_SUMS}
FROM payments_entry entry
JOIN payments_entryline line ON line.entry_id = entry.id
LEFT JOIN payments_payment payment ON payment.id = entry.payment_id
WHERE entry.id IN (SELECT line.entry_id FROM payments_entryline line WHERE {_OWN})
    AND entry.created_at >= %(since)s AND entry.created_at < %(until)s AND entry.id > %(after)s
GROUP BY entry.id, payment.id ORDER BY entry.id LIMIT %(limit)s"""  # noqa: S608 - our own names

_BALANCES = f"""
SELECT {_SUMS} FROM payments_entryline line JOIN payments_entry entry ON entry.id = line.entry_id
WHERE {_OWN} AND entry.created_at < %(before)s"""  # noqa: S608 - our own names

_MONTHS = f"""
SELECT DISTINCT date_trunc('month', entry.created_at AT TIME ZONE %(zone)s)::date AS month
FROM payments_entryline line JOIN payments_entry entry ON entry.id = line.entry_id
WHERE {_OWN} ORDER BY month DESC"""  # noqa: S608 - our own names


class Balances(NamedTuple):
    """Sums of a seller's accounts in fils, as the seller sees them: what is theirs is positive."""

    pending: int
    available: int
    on_its_way: int
    debt: int


class StatementLine(NamedTuple):
    """An entry of the ledger as one seller sees it; amounts are in fils."""

    entry_id: int
    at: datetime
    kind: Entry.Kind
    description: str
    reference: UUID | None
    price: int | None
    """Of the sale, with which it entered the ledger."""
    fee: int | None
    """Our fee, VAT included; negative if it was given back."""
    vat: int | None
    changes: Balances


def months_of(person_id: UUID) -> list[date]:
    """Return the first days of the months that have a statement, the newest first."""
    with connection.cursor() as cursor:
        cursor.execute(_MONTHS, {"person": person_id, "zone": settings.STAFF_TIME_ZONE})
        return [month for (month,) in cursor.fetchall()]


def balances_before(person_id: UUID, moment: datetime) -> Balances:
    """Return a seller's balances just before a moment."""
    with connection.cursor() as cursor:
        cursor.execute(_BALANCES, {"person": person_id, "before": moment})
        return _as_seen(*cursor.fetchone())


def statement_lines(person_id: UUID, month: date, *, after: int = 0) -> list[StatementLine]:
    """Return the next lines of a month's statement after an entry, or an empty list at its end."""
    since, until = bounds_of(month)
    parameters: dict[str, Any] = {
        "person": person_id,
        "since": since,
        "until": until,
        "after": after,
        "limit": _ROWS,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LINES, parameters)
        return [_line(*row) for row in cursor.fetchall()]


def bounds_of(month: date) -> tuple[datetime, datetime]:
    """Return when a month begins and ends, in UTC."""
    following = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    return start_of(month), start_of(following)


def start_of(day: date) -> datetime:
    """Return when a day of business begins, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=BUSINESS_ZONE).astimezone(UTC)


def _line(
    entry_id: int,
    at: datetime,
    kind: str,
    description: str,
    reference: UUID | None,
    price: int | None,
    fee: int | None,
    vat: int | None,
    *sums: int,
) -> StatementLine:
    return StatementLine(
        entry_id=entry_id,
        at=at,
        kind=Entry.Kind(kind),
        description=description,
        reference=reference,
        price=price,
        fee=None if fee is None else -fee,
        vat=None if vat is None else -vat,
        changes=_as_seen(*sums),
    )


def _as_seen(pending: int, available: int, on_its_way: int, debt: int) -> Balances:
    return Balances(pending=-pending, available=-available, on_its_way=-on_its_way, debt=debt)
