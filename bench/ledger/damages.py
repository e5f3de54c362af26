"""Differences that the check must find: each is made behind the triggers, checked, and rolled back."""

from collections.abc import Iterator

from django.db import connection, transaction

from payments.services.ledger_check import check_ledger
from soukloop.tests.database import writable_ledger

_ENTRY = (
    "(SELECT id FROM payments_entry entry WHERE kind = '{kind}' AND NOT EXISTS"
    " (SELECT FROM payments_document document WHERE document.entry_id = entry.id)"
    " ORDER BY md5(id::text) LIMIT 1)"
)
_ROW = "(SELECT id FROM payments_{table} WHERE state = '{state}' ORDER BY md5(id::text) LIMIT 1)"


def _entry(kind: str) -> str:
    return _ENTRY.format(kind=kind)


def _row(table: str, state: str) -> str:
    return _ROW.format(table=table, state=state)


def _delete_entry(kind: str) -> str:
    return (
        f"WITH lost AS (DELETE FROM payments_entryline WHERE entry_id = {_entry(kind)} RETURNING entry_id)"
        " DELETE FROM payments_entry WHERE id IN (SELECT entry_id FROM lost)"
    )


def _copy_entry(kind: str) -> str:
    return (
        "WITH copy AS (INSERT INTO payments_entry (kind, key, payment_id, payout_id, note, created_at)"
        f" SELECT kind, key || ':again', payment_id, payout_id, note, created_at FROM payments_entry"
        f" WHERE id = {_entry(kind)} RETURNING id)"
        " INSERT INTO payments_entryline (entry_id, account, person_id, amount)"
        " SELECT copy.id, account, person_id, amount FROM copy, payments_entryline line"
        f" WHERE line.entry_id = {_entry(kind)}"
    )


DAMAGES = {
    "an entry of a charge is missing": _delete_entry("charge"),
    "an entry of a refund is missing": _delete_entry("refund"),
    "an entry of a release is missing": _delete_entry("release"),
    "an entry of a payout is missing": _delete_entry("payout"),
    "a lost chargeback is missing": _delete_entry("chargeback_lost"),
    "a fee in person is missing": _delete_entry("hand_over_fee"),
    "a charge is entered twice": _copy_entry("charge"),
    "a payout is entered twice": _copy_entry("payout_paid"),
    "a line has a fil more": "UPDATE payments_entryline SET amount = amount + 1"
    f" WHERE id = (SELECT min(id) FROM payments_entryline WHERE entry_id = {_entry('charge')})",
    "a fil is moved from our fee to the seller": "UPDATE payments_entryline SET amount = amount"
    " + CASE account WHEN 'fees' THEN 1 ELSE -1 END"
    f" WHERE entry_id = {_entry('charge')} AND account IN ('fees', 'seller_pending')",
    "a line is lost": "DELETE FROM payments_entryline"
    f" WHERE id = (SELECT max(id) FROM payments_entryline WHERE entry_id = {_entry('refund')})",
    "a captured payment is called failed": "UPDATE payments_payment SET state = 'failed', released_at = NULL,"
    f" closed_at = now() WHERE id = {_row('payment', 'captured')}",
    "a refund that succeeded is called failed": "UPDATE payments_refund SET state = 'failed'"
    f" WHERE id = {_row('refund', 'succeeded')}",
    "a refund has a fil more": "UPDATE payments_refund SET amount = amount + 1"
    f" WHERE id = {_row('refund', 'succeeded')}",
    "a paid payout is called failed": "UPDATE payments_payout SET state = 'failed'"
    f" WHERE id = {_row('payout', 'paid')}",
    "a share stands on another seller's account": "UPDATE payments_entryline SET person_id ="
    " (SELECT id FROM accounts_user ORDER BY md5(id::text) LIMIT 1)"
    f" WHERE entry_id = {_entry('charge')} AND account = 'seller_pending'",
}


def inject_each() -> Iterator[tuple[str, int, list[str]]]:
    """Yield for each damage how many differences one run of the check finds, and by which rules."""
    for name, sql in DAMAGES.items():
        with transaction.atomic():
            with writable_ledger(), connection.cursor() as cursor:
                cursor.execute(sql)
                report = check_ledger(shown=1)
            transaction.set_rollback(True)
        yield name, report.differences, [result.name for result in report.results if result.count]
