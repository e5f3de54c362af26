"""Formatting of values in the admin: links to rows, short texts, times, money, small tables."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Model
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from soukloop.core.money import from_fils
from soukloop.core.uploads import stored_name

NOTHING = "–"


def truncate(text: str, length: int) -> str:
    """Truncate to `length` characters, with an ellipsis."""
    return Truncator(text).chars(length)


def link_to(row: Model | None, length: int = 40, *, text: str | None = None) -> SafeString | str:
    """Link to the row's admin page; the text is its truncated name by default."""
    if row is None:
        return NOTHING
    return link_to_page(row._meta.label_lower, row.pk, text or truncate(str(row), length))


def link_to_page(kind: str, key: Any, text: str) -> SafeString:
    """Link to the admin page of a row by its model's label (`offers.offer`) and key."""
    page = reverse(f"admin:{kind.replace('.', '_')}_change", args=[key])
    return format_html('<a href="{}">{}</a>', page, text)


def link_to_list(kind: str, text: str, **lookups: Any) -> SafeString:
    """Link to the admin list of a model (`offers.offer`), filtered by lookups."""
    page = reverse(f"admin:{kind.replace('.', '_')}_changelist")
    return format_html('<a href="{}?{}">{}</a>', page, urlencode(lookups), text)


def media(address: str) -> SafeString | str:
    """Show an uploaded picture, and link to any other address.

    The link doesn't tell the other server which page it is on, and nothing is loaded from there before staff
    follow it.
    """
    if not address:
        return NOTHING
    name = stored_name(address)
    if name is not None and name.lower().endswith((".jpg", ".webp")):
        return format_html('<a href="{0}"><img src="{0}" alt="" style="max-height: 120px"></a>', address)
    return format_html('<a href="{0}" rel="noreferrer noopener" target="_blank">{0}</a>', address)


def join_dots(*parts: SafeString | str) -> SafeString:
    return format_html_join(" · ", "{}", ((part,) for part in parts))


def short_datetime(at: datetime | None) -> SafeString | str:
    """Return `3 Feb, 20:30` for lists, with the year unless it is the current one."""
    if at is None:
        return NOTHING
    local = timezone.localtime(at)
    is_this_year = local.year == timezone.localtime().year
    shown = date_format(local, "j M, H:i" if is_this_year else "j M Y, H:i")
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', local.isoformat(), full_datetime(at), shown
    )


def short_date(at: datetime) -> str:
    return date_format(timezone.localtime(at), "j M Y")


def yes_or_dash(value: bool) -> str:
    """Return a tick or a dash; Django's red cross would look like an error where "no" is normal."""
    return "✓" if value else NOTHING


def full_datetime(at: datetime | None) -> str:
    """Return `3 Feb 2026, 20:30:15`, for the page of one row."""
    if at is None:
        return NOTHING
    return date_format(timezone.localtime(at), "j M Y, H:i:s")


def money(currency: str, amount: Decimal) -> str:
    return f"{currency}\u00a0{number_format(amount, decimal_pos=2, use_l10n=True, force_grouping=True)}"


def fils(amount: int | None, currency: str = settings.CURRENCY) -> str:
    return NOTHING if amount is None else money(currency, from_fils(amount))


def words(code: str) -> str:
    """Return `not received` for `not_received`."""
    return code.replace("_", " ") or NOTHING


def table(headings: tuple[str, ...], rows: list[tuple[Any, ...]]) -> SafeString | str:
    if not rows:
        return NOTHING
    head = format_html_join("", "<th>{}</th>", ((heading,) for heading in headings))
    cells = "<td>{}</td>" * len(headings)
    body = format_html_join("", f"<tr>{cells}</tr>", rows)
    return format_html(
        '<div class="small-table"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>',
        head,
        body,
    )
