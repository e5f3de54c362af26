"""Pages of lists: by `page` and `per_page`, or by an opaque `cursor` for pages deep in a long list."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request

from soukloop.core import jsonlib
from soukloop.core.errors import ValidationFailed

PAGE_NUMBER_MAX = 1_000_000
PAGE_PARAMETERS = [
    OpenApiParameter("page", {"type": "integer", "minimum": 1, "maximum": PAGE_NUMBER_MAX, "default": 1}),
    OpenApiParameter(
        "per_page",
        {"type": "integer", "minimum": 1, "maximum": settings.PAGE_SIZE_MAX, "default": settings.PAGE_SIZE},
    ),
]


@extend_schema_serializer(many=False)  # a list's response is one page, not an array
class PageOutput(serializers.Serializer[None]):
    """One page of a list."""

    page = serializers.IntegerField()
    per_page = serializers.IntegerField()
    total = serializers.IntegerField()
    has_more = serializers.BooleanField()


@dataclass(frozen=True)
class Page:
    number: int
    size: int

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.size


def page_of(request: Request) -> Page:
    """Read `page` (from 1) and `per_page` (at most PAGE_SIZE_MAX); raises ValidationFailed."""
    problems: dict[str, list[str]] = {}
    number = _positive_parameter(request, "page", 1, PAGE_NUMBER_MAX, problems)
    size = _positive_parameter(request, "per_page", settings.PAGE_SIZE, settings.PAGE_SIZE_MAX, problems)
    if problems:
        raise ValidationFailed(details=problems)
    return Page(number, size)


def paginate(
    queryset: QuerySet[Any], page: Page, render: Callable[[Sequence[Any]], list[Any]]
) -> dict[str, Any]:
    """Return `{items, page, per_page, total, has_more}`, with two queries."""
    total = queryset.order_by().count()
    rows = list(queryset[page.offset : page.offset + page.size]) if page.offset < total else []
    return page_body(render(rows), page, total)


def page_body(items: list[Any], page: Page, total: int) -> dict[str, Any]:
    return {
        "items": items,
        "page": page.number,
        "per_page": page.size,
        "total": total,
        "has_more": page.offset + len(items) < total,
    }


class CursorField(serializers.CharField):
    """Where the page begins that is asked for; empty for the first."""

    def __init__(self) -> None:
        super().__init__(
            required=False,
            allow_blank=True,
            default="",
            max_length=200,
            help_text="An answer's `next_cursor`, in place of `page`",
        )


def encode_cursor(*position: Any) -> str:
    """Pack the last item's sort values into an opaque, URL-safe string."""
    return base64.urlsafe_b64encode(jsonlib.dumps(list(position))).decode().rstrip("=")


def decode_cursor(cursor: str, *kinds: Callable[[Any], Any]) -> list[Any]:
    """Unpack a cursor and convert each value with its function; raises ValidationFailed if it is invalid."""
    try:
        values = jsonlib.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(values, list) or len(values) != len(kinds):
            raise ValueError("wrong length")
        return [kind(value) for kind, value in zip(kinds, values, strict=True)]
    except (ValueError, TypeError, AttributeError, ArithmeticError) as error:
        raise ValidationFailed(details={"cursor": [_("Invalid cursor.")]}) from error


def cursor_time(value: Any) -> datetime:
    """Parse a cursor's time; raises ValueError or OverflowError for one outside PostgreSQL's range."""
    return datetime.fromisoformat(value).astimezone(UTC)


def cursor_number(value: Any) -> Decimal:
    """Parse a cursor's number; raises ValueError or ArithmeticError for one outside our columns' range."""
    number = Decimal(value)
    if not (number.is_finite() and abs(number) < 10**12 and int(number.as_tuple().exponent) >= -12):
        raise ValueError("number out of range")
    return number


def _positive_parameter(
    request: Request, name: str, default: int, maximum: int, problems: dict[str, list[str]]
) -> int:
    raw = request.query_params.get(name)
    if raw is None or raw == "":
        return default
    if not (raw.isascii() and raw.isdigit()) or not 1 <= int(raw[:9]) <= maximum or len(raw) > 9:
        problems[name] = [_("Use a whole number from %(min)s to %(max)s.") % {"min": 1, "max": maximum}]
        return default
    return int(raw)
