"""The admin screen of the nightly comparisons with providers."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from payments.models import FinanceCase, Reconciliation
from soukloop.core.staff import format
from soukloop.core.staff.admin import ReadOnlyStateAdmin


class DifferencesFilter(admin.SimpleListFilter):
    title = "differences"
    parameter_name = "found"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("some", "Some"), ("none", "None")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        match self.value():
            case "some":
                return queryset.filter(differences__gt=0)
            case "none":
                return queryset.filter(differences=0)
        return queryset


@admin.register(Reconciliation)
class ReconciliationAdmin(ReadOnlyStateAdmin):
    """Each day's comparison with a provider's own list of movements."""

    list_display = ("day", "provider", "compared", "differences", "started", "finished")
    list_filter = ("provider", DifferencesFilter, "day")
    search_fields = ("provider",)
    search_help_text = "A provider"
    ordering = ("-day", "provider")
    fieldsets = (
        (None, {"fields": ("provider", "day", "compared", "differences", "cases")}),
        ("Times", {"fields": ("started_at", "finished_at")}),
    )
    readonly_fields = ("cases",)

    @admin.display(description="started", ordering="started_at")
    def started(self, run: Reconciliation) -> str:
        return format.short_datetime(run.started_at)

    @admin.display(description="finished", ordering="finished_at")
    def finished(self, run: Reconciliation) -> str:
        return format.short_datetime(run.finished_at)

    @admin.display(description="cases")
    def cases(self, run: Reconciliation) -> SafeString:
        kind = FinanceCase.Kind.DIFFERENCE
        return format.link_to_list(
            "payments.financecase",
            "Open cases about differences",
            state="open",
            kind__exact=kind,
            q=run.provider,
        )
