"""Cells of CSV files that spreadsheets open."""

import csv
import io
from collections.abc import Iterable
from typing import Any

BYTE_ORDER_MARK = "\ufeff"  # without it, Excel reads Arabic as another encoding
# A cell that begins with one of these is a formula to a spreadsheet; people may write anything.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_rows(rows: Iterable[Iterable[Any]]) -> str:
    target = io.StringIO()
    csv.writer(target).writerows(rows)
    return target.getvalue()


def text_cell(value: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{value}" if value.lstrip(" ").startswith(_FORMULA_STARTS) else value


def fils_cell(fils: int | None) -> str:
    """Return an amount in fils as `-12.34`, or nothing."""
    if fils is None:
        return ""
    return f"{'-' if fils < 0 else ''}{abs(fils) // 100}.{abs(fils) % 100:02d}"
