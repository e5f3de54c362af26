"""The admin screen of cases for finance: our figures beside the provider's."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from payments.admin.shown import payment_link, person, staff_user
from payments.models import FinanceCase
from payments.services import cases
from soukloop.core import jsonlib
from soukloop.core.staff import format
from soukloop.core.staff.actions import reason_action
from soukloop.core.staff.admin import ReadOnlyStateAdmin

_AMOUNTS = frozenset(
    {"amount", "fee", "vat", "refunded", "balance", "sum", "reverse", "debt", "net", "share"}
)
_DIFFERS = SafeString(' class="differs"')


class OpenFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Open"), ("closed", "Closed")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() in ("open", "closed"):
            return queryset.filter(closed_at__isnull=self.value() == "open")
        return queryset


@admin.register(FinanceCase)
class FinanceCaseAdmin(ReadOnlyStateAdmin):
    """What a person must decide about money; docs/finance.md says what each kind means."""

    list_display = ("opened", "kind_shown", "state", "about", "payment_shown", "payout_shown", "person_link")
    list_select_related = ("payment", "payout", "person")
    list_filter = (OpenFilter, "kind", "created_at")
    link_lookups = ("person__id__exact",)
    search_fields = ("=id", "key", "=payment__id", "=payout__id", "person__username", "resolution")
    search_help_text = (
        "An id (also of a payment or payout), part of a key, a username, words of the resolution"
    )
    ordering = ("-created_at",)
    actions = ("close",)
    fieldsets = (
        (
            None,
            {"fields": ("id", "kind_shown", "state", "key", "person_link", "payment_shown", "payout_shown")},
        ),
        ("Both sides", {"fields": ("sides", "note")}),
        ("End", {"fields": ("closed_at", "closed_by", "resolution")}),
        ("Times", {"fields": ("created_at",)}),
    )
    readonly_fields = ("kind_shown", "state", "person_link", "payment_shown", "payout_shown", "sides")

    @admin.display(description="opened", ordering="created_at")
    def opened(self, case: FinanceCase) -> str:
        return format.short_datetime(case.created_at)

    @admin.display(description="kind", ordering="kind")
    def kind_shown(self, case: FinanceCase) -> str:
        return format.words(case.kind)

    @admin.display(description="state", ordering="closed_at")
    def state(self, case: FinanceCase) -> str:
        return "open" if case.closed_at is None else "closed"

    @admin.display(description="about")
    def about(self, case: FinanceCase) -> str:
        return format.truncate(case.key, 40)

    @admin.display(description="payment")
    def payment_shown(self, case: FinanceCase) -> SafeString | str:
        return payment_link(case.payment)

    @admin.display(description="payout")
    def payout_shown(self, case: FinanceCase) -> SafeString | str:
        return format.link_to(case.payout)

    @admin.display(description="person")
    def person_link(self, case: FinanceCase) -> SafeString | str:
        return person(case.person)

    @admin.display(description="figures")
    def sides(self, case: FinanceCase) -> SafeString | str:
        rows = format_html_join(
            "",
            "<tr{}><td>{}</td><td>{}</td><td>{}</td></tr>",
            (
                (_DIFFERS if differs else "", format.words(name), _shown(name, ours), _shown(name, theirs))
                for name, ours, theirs, differs in compared(case.ours, case.theirs)
            ),
        )
        if not rows:
            return format.NOTHING
        return format_html(
            '<div class="small-table"><table><thead><tr><th></th><th>Ours</th><th>The provider’s</th></tr>'
            "</thead><tbody>{}</tbody></table></div>",
            rows,
        )

    def is_offered(self, action: str, row: FinanceCase) -> bool:
        return row.closed_at is None

    @reason_action(
        description="Close the case",
        done="closed",
        help_text="What was found and done. Kept with the case, for other staff.",
    )
    def close(self, request: HttpRequest, case: FinanceCase, reason: str) -> None:
        cases.close_case(actor=staff_user(request), case_id=case.pk, resolution=reason)


def compared(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any, bool]]:
    """Yield each name with both sides' values, and whether they are known on both sides and differ."""
    for name in [*ours, *(name for name in theirs if name not in ours)]:
        in_both = name in ours and name in theirs
        yield name, ours.get(name), theirs.get(name), in_both and ours[name] != theirs[name]


def _shown(name: str, value: Any) -> str:
    if value is None or value == "":
        return format.NOTHING
    if name in _AMOUNTS and isinstance(value, int):
        return format.fils(value)
    return value if isinstance(value, str) else jsonlib.dumps(value).decode()
