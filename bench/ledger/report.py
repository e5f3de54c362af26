"""The benchmark from its beginning to the proof."""

import os
import sys
import time
from collections import Counter
from typing import Any

SEED = 20261127
OPERATIONS = int(os.environ.get("LEDGER_OPERATIONS", "1000000"))
HTTP_OPERATIONS = int(os.environ.get("LEDGER_HTTP_OPERATIONS", str(max(10_000, OPERATIONS // 100))))
TELL_EVERY = 5.0  # seconds


class Progress:
    """A line on the terminal with how far this is, and when it ends."""

    def __init__(self, name: str, total: int) -> None:
        self.name, self.total, self.done = name, total, 0
        self.started = self._told = time.monotonic()

    def __call__(self, done: int) -> None:
        self.done += done
        now = time.monotonic()
        if now - self._told < TELL_EVERY and self.done < self.total:
            return
        self._told = now
        rate = self.done / max(now - self.started, 0.001)
        left = (self.total - self.done) / max(rate, 0.001)
        end = "\n" if self.done >= self.total or not sys.stdout.isatty() else "\r"
        print(
            f"{self.name}: {self.done:,} of {self.total:,} operations, {rate:,.0f} a second,"
            f" {left / 60:,.1f} min left",
            end=end,
            flush=True,
        )

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started


def main() -> None:
    """Do the operations, prove the ledger, inject differences; exit with 1 if anything is wrong."""
    from django.db import connection  # noqa: PLC0415 - bench.database sets Django up

    from bench.database import NAME, bench_database  # noqa: PLC0415
    from bench.ledger.http import run_through_http  # noqa: PLC0415
    from bench.ledger.processes import run_through_services  # noqa: PLC0415

    through_http = min(HTTP_OPERATIONS, OPERATIONS)
    with bench_database() as url:
        with connection.cursor() as cursor:
            # The processes die, not PostgreSQL: a commit need not wait for the disk.
            cursor.execute(f'ALTER DATABASE "{NAME}" SET synchronous_commit = off')
        connection.close()
        is_right = True
        if through_http:
            progress = Progress("through HTTP", through_http)
            http = run_through_http(through_http, SEED, url, progress)
            _show("through HTTP, with kill -9 of web and worker", http, progress)
            is_right &= not http["errors"]
        progress = Progress("through services", OPERATIONS - through_http)
        services = run_through_services(OPERATIONS - through_http, SEED, url, progress)
        _show("through services, in two processes", services, progress)
        for difference in services["differences"][:20]:
            print(f"  DIFFERS {difference}")
        is_right &= not services["differences"]
        is_right &= _prove()
    if not is_right:
        raise SystemExit(1)


def _show(name: str, result: dict[str, Any], progress: Progress) -> None:
    total = sum(result["done"].values())
    milliseconds = 1000 * progress.seconds / max(total, 1)
    print(f"\n{total:,} operations {name}: {progress.seconds:,.0f} s, {milliseconds:.2f} ms each")
    for title, counts in result.items():
        if isinstance(counts, Counter) and counts:
            words = ", ".join(f"{name} {number:,}" for name, number in sorted(counts.items()))
            print(f"  {title}: {words}")


def _prove() -> bool:
    from django.db import connection  # noqa: PLC0415

    from bench.ledger.damages import inject_each  # noqa: PLC0415
    from payments.management.commands.ledger import as_text  # noqa: PLC0415
    from payments.models import FinanceCase  # noqa: PLC0415
    from payments.services.ledger_check import check_ledger  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    started = time.monotonic()
    report = check_ledger()
    print(f"\nmanage.py ledger check ({time.monotonic() - started:.1f} s)")
    print("\n".join(as_text(report)))
    cases = Counter(FinanceCase.objects.values_list("kind", flat=True))
    print(f"  cases for finance: {dict(cases)}")
    is_right = not report.differences
    print("\ninjected, and found by one run:")
    for name, count, rules in inject_each():
        found = count > report.differences
        is_right &= found
        print(f"  {'found' if found else 'MISSED'}  {name}: {', '.join(rules)}", flush=True)
    return is_right
