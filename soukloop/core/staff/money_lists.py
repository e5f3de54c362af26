"""Lists of the admin whose rows are amounts: sums of what is selected, and the same rows as CSV."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG
from django.core.exceptions import PermissionDenied
from django.db import OperationalError, connection, transaction
from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.expressions import Combinable
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.views.decorators.http import require_POST
from psycopg.errors import QueryCanceled

from soukloop.core.csv_cells import BYTE_ORDER_MARK, csv_rows, fils_cell, text_cell
from soukloop.core.db.clock import database_now
from soukloop.core.money import from_fils
from soukloop.core.staff import format
from soukloop.core.staff.admin import ReadOnlyStateAdmin
from soukloop.core.staff.history import log_staff_export

_BATCH = 2000
_LINK = "Download CSV"
_STAFF_ZONE = ZoneInfo(settings.STAFF_TIME_ZONE)


@dataclass(frozen=True)
class Column:
    """A column of the CSV: its heading and the value, a path of fields or an expression."""

    heading: str
    value: str | Combinable
    is_fils: bool = False


@dataclass(frozen=True)
class Total:
    """A sum above the list: its label and what is summed, in fils unless `is_decimal`."""

    label: str
    value: str | Combinable
    is_decimal: bool = False


class MoneyListAdmin(ReadOnlyStateAdmin):
    """A list with the count and sums of what filter and search select, and the same rows as CSV."""

    change_list_template = "admin/money_change_list.html"
    totals: Sequence[Total] = ()
    columns: Sequence[Column] = ()
    exported_by = "created_at"  # the time by which the rows of the CSV are ordered

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(require_POST(self.export_view))
        name = f"{self.opts.app_label}_{self.opts.model_name}_export"
        return [path("export/", view, name=name), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        response = super().changelist_view(request, extra_context)
        if isinstance(response, TemplateResponse) and response.context_data and "cl" in response.context_data:
            selected = response.context_data["cl"].queryset
            response.context_data |= {
                "totals": self._sum_up(selected),
                "export_url": f"{self._url('export')}?{request.GET.urlencode()}",
                "export_label": _LINK,
            }
        return response

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """Stream the rows that the list's filters and search select, and log it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            selected = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            return HttpResponseRedirect(f"{self._url('changelist')}?{ERROR_FLAG}=1")
        query = request.GET.urlencode()
        log_staff_export(
            actor=request.user, model=self.model, message=f"Exported as CSV: {query or 'all rows'}"[:1000]
        )
        name = f"{self.opts.model_name}-{timezone.localtime(database_now()):%Y-%m-%d-%H%M}.csv"
        return StreamingHttpResponse(
            self._stream(selected),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
        )

    def _url(self, page: str) -> str:
        opts = self.opts
        return reverse(f"{self.admin_site.name}:{opts.app_label}_{opts.model_name}_{page}")

    def _sum_up(self, selected: QuerySet[Any]) -> list[tuple[str, str]] | None:
        """Return labels and sums from one query, or None if it takes too long."""
        sums = {f"sum_{number}": Sum(total.value) for number, total in enumerate(self.totals)}
        milliseconds = int(settings.STAFF_SUMS_TIMEOUT.total_seconds() * 1000)
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute(f"SET LOCAL statement_timeout = {milliseconds}")
                found = selected.order_by().aggregate(count=Count("*"), **sums)
                transaction.set_rollback(True)  # nothing was written, and the timeout ends here
        except OperationalError as error:
            if not isinstance(error.__cause__, QueryCanceled):
                raise
            return None
        shown = [("Rows", f"{found['count']:,}")]
        for number, total in enumerate(self.totals):
            value = found[f"sum_{number}"] or 0
            amount = Decimal(value) if total.is_decimal else from_fils(int(value))
            shown.append((total.label, format.money(settings.CURRENCY, amount)))
        return shown

    async def _stream(self, selected: QuerySet[Any]) -> AsyncIterator[bytes]:
        """Yield the file in parts; each is a query of its own, so no connection is held meanwhile."""
        yield (BYTE_ORDER_MARK + csv_rows([[column.heading for column in self.columns]])).encode()
        last: tuple[Any, Any] | None = None
        written = 0
        while written < settings.STAFF_EXPORT_ROWS_MAX:
            wanted = min(_BATCH, settings.STAFF_EXPORT_ROWS_MAX - written)
            rows = await sync_to_async(self._batch)(selected, last, wanted)
            if rows:
                yield csv_rows(map(self._cells, rows)).encode()
                written += len(rows)
                last = rows[-1][-2:]
            if len(rows) < wanted:
                return
        yield csv_rows(
            [[f"Only the first {written} rows are here: filter the list to get the others."]]
        ).encode()

    def _batch(self, selected: QuerySet[Any], last: tuple[Any, Any] | None, wanted: int) -> list[Any]:
        values = {f"column_{number}": column.value for number, column in enumerate(self.columns)}
        rows = selected.order_by(self.exported_by, "pk")
        if last is not None:
            at, key = last
            rows = rows.filter(
                Q(**{f"{self.exported_by}__gt": at}) | Q(**{self.exported_by: at, "pk__gt": key})
            )
        expressions = {name: F(value) if isinstance(value, str) else value for name, value in values.items()}
        return list(rows.annotate(**expressions).values_list(*expressions, self.exported_by, "pk")[:wanted])

    def _cells(self, row: Sequence[Any]) -> list[str]:
        return [
            fils_cell(value) if column.is_fils else _text(value)
            for column, value in zip(self.columns, row[: len(self.columns)], strict=True)
        ]


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return timezone.localtime(value, _STAFF_ZONE).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, Decimal):
        return str(value)
    return "" if value is None else text_cell(str(value))
