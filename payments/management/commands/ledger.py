"""Prove the ledger."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from payments.models import EntryLine
from payments.services.ledger_check import Report, check_ledger, open_cases_for
from soukloop.core import jsonlib

_FIGURES_THAT_ARE_NO_AMOUNTS = frozenset({"entries", "documents", "first", "last"})
_SIDES = {
    EntryLine.Account.BUYERS_CHARGES: "charged to buyers and not shared out",
    EntryLine.Account.PROVIDER_CLEARING: "held by the provider, for sellers and for us",
    EntryLine.Account.SELLER_PENDING: "owed to sellers, of sales that are not completed",
    EntryLine.Account.SELLER_AVAILABLE: "owed to sellers, available",
    EntryLine.Account.SELLER_ON_ITS_WAY: "on its way to sellers' banks",
    EntryLine.Account.FEES: "our fees, without VAT",
    EntryLine.Account.VAT: "VAT within our fees",
    EntryLine.Account.REFUNDS: "refunded and not shared out",
    EntryLine.Account.DISPUTES: "taken back by banks, not decided",
    EntryLine.Account.FEE_DEBT: "owed by sellers, for sales in person",
    EntryLine.Account.PROVIDER_FEES: "kept by the provider",
    EntryLine.Account.ROUNDING: "rounding",
}


class Command(BaseCommand):
    help = "Proves that the ledger balances and agrees with every payment, refund, payout and order."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["check"])
        parser.add_argument("--json", action="store_true", help="for programs: amounts in fils")
        parser.add_argument("--open-cases", action="store_true", help="open a case for each difference")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit with 1 if there is a difference."""
        report = check_ledger()
        if options["open_cases"]:
            open_cases_for(report)
        if options["json"]:
            self.stdout.write(jsonlib.dumps({**asdict(report), "differences": report.differences}).decode())
        else:
            self.stdout.write("\n".join(as_text(report)))
        if report.differences:
            raise CommandError(f"The ledger has {_counted(report.differences, 'difference')}.")


def as_text(report: Report) -> Iterator[str]:
    """Yield the lines of a report, for people."""
    yield (
        f"{report.entries:,} entries with {report.lines:,} lines, about {report.payments:,} payments."
        " Credits are negative."
    )
    yield ""
    for account, balance in report.balances.items():
        yield f"{_dirhams(balance):>20}  {_SIDES[EntryLine.Account(account)]}"
    yield f"{_dirhams(sum(report.balances.values())):>20}  together"
    yield ""
    for result in report.results:
        if not result.count:
            yield f"  right  {result.title}"
            continue
        yield f"  WRONG  {result.title}: {_counted(result.count, 'difference')}"
        for difference in result.differences:
            yield f"           {difference.subject}"
            yield f"             expected {_figures(difference.expected)}"
            yield f"             found    {_figures(difference.found)}"
        if result.count > len(result.differences):
            yield f"           and {result.count - len(result.differences):,} more"
    yield ""
    yield (
        "Nothing differs by a fils."
        if not report.differences
        else (f"{_counted(report.differences, 'difference')} in all.")
    )


def _figures(figures: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} {_dirhams(value) if _is_amount(name, value) else value}" for name, value in figures.items()
    )


def _is_amount(name: str, value: Any) -> bool:
    return type(value) is int and name not in _FIGURES_THAT_ARE_NO_AMOUNTS


def _dirhams(fils: int) -> str:
    return f"{'-' if fils < 0 else ''}{abs(fils) // 100:,}.{abs(fils) % 100:02d}"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
