"""Proving the ledger: every rule over all rows, in one snapshot of the database."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from payments import hooks
from payments.ledger_rules import RULES, Rule
from payments.models import EntryLine, FinanceCase
from payments.services.cases import open_case
from soukloop.core import jsonlib
from soukloop.core.db.clock import database_now

SHOWN = 20  # differences of each rule that are reported; all are counted


@dataclass(frozen=True)
class Difference:
    """Something that is not as a rule demands; amounts are in fils."""

    subject: str
    expected: Mapping[str, Any]
    found: Mapping[str, Any]


@dataclass(frozen=True)
class Result:
    """What one rule found: how many differences, and the first of them."""

    name: str
    title: str
    count: int
    differences: list[Difference]


@dataclass(frozen=True)
class Report:
    """What a check found."""

    checked_at: datetime
    entries: int
    lines: int
    payments: int
    balances: Mapping[str, int]
    """The sum of each account, in fils; credits are negative."""
    results: list[Result]

    @property
    def differences(self) -> int:
        return sum(result.count for result in self.results)


def check_ledger(*, shown: int = SHOWN) -> Report:
    """Check every rule, those of upper apps included, over all rows as they are at one moment."""
    rules = [*RULES, *(rule for rules in hooks.ledger_checks() for rule in rules)]
    with transaction.atomic(), connection.cursor() as cursor:
        if len(connection.savepoint_ids) == 0:  # a transaction's first statement, unless in a caller's
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET LOCAL work_mem = '128MB'")  # sums over millions of lines, without files
        results = [_check(cursor, rule, shown) for rule in rules]
        cursor.execute(
            "SELECT (SELECT count(*) FROM payments_entry), (SELECT count(*) FROM payments_entryline),"
            " (SELECT count(*) FROM payments_payment)"
        )
        entries, lines, payments = cursor.fetchone()
        cursor.execute("SELECT account, sum(amount)::bigint FROM payments_entryline GROUP BY account")
        sums = dict(cursor.fetchall())
    return Report(
        checked_at=database_now(),
        entries=entries,
        lines=lines,
        payments=payments,
        balances={account: sums.get(account, 0) for account in EntryLine.Account.values},
        results=results,
    )


def open_cases_for(report: Report) -> list[FinanceCase]:
    """Open a case for each difference that the report shows, or return the one that is open for it."""
    return [
        open_case(
            kind=FinanceCase.Kind.LEDGER,
            key=f"{result.name}:{difference.subject}"[:120],
            ours={"rule": result.title, "expected": difference.expected, "found": difference.found},
        )
        for result in report.results
        for difference in result.differences
    ]


def _check(cursor: Any, rule: Rule, shown: int) -> Result:
    cursor.execute(
        "SELECT count(*) OVER (), subject, expected, found"  # noqa: S608 - our own statements
        f" FROM ({rule.sql}) difference ORDER BY subject LIMIT {shown:d}"
    )
    rows = cursor.fetchall()
    differences = [
        Difference(subject, *_without_equal(jsonlib.loads(expected), jsonlib.loads(found)))
        for _count, subject, expected, found in rows
    ]
    return Result(rule.name, rule.title, rows[0][0] if rows else 0, differences)


def _without_equal(expected: dict[str, Any], found: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Leave out the figures that both sides agree on, unless nothing else is left."""
    same = {name for name in expected.keys() & found.keys() if expected[name] == found[name]}
    if same == expected.keys() | found.keys():
        return expected, found
    return (
        {name: value for name, value in expected.items() if name not in same},
        {name: value for name, value in found.items() if name not in same},
    )
