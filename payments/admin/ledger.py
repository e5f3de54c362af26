"""The admin screen of the ledger's entries, which nobody changes."""

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.http import HttpRequest
from django.utils.safestring import SafeString

from payments.admin.shown import amount_cell, entries_table, payment_link
from payments.models import Entry, EntryLine
from soukloop.core.staff import format
from soukloop.core.staff.admin import ReadOnlyStateAdmin


@admin.register(Entry)
class EntryAdmin(ReadOnlyStateAdmin):
    """Entries of the ledger, each with its lines; their sum is zero."""

    list_display = ("number", "written", "kind_shown", "total", "payment_shown", "payout_shown", "short_note")
    list_display_links = ("number",)
    list_select_related = ("payment", "payout")
    list_filter = ("kind", "created_at")
    search_fields = ("=id", "=key", "=payment__id", "=payment__reference", "=payout__id")
    search_help_text = "A number, a key, or the id of a payment, of its order or of a payout"
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("id", "kind_shown", "key", "payment_shown", "payout_shown", "created_at")}),
        ("Lines", {"fields": ("lines_table",)}),
        ("Correction", {"fields": ("note", "actor")}),
    )
    readonly_fields = ("kind_shown", "payment_shown", "payout_shown", "lines_table")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Entry]:
        """Add the sum of the debits, which is that of the credits too."""
        debits = (
            EntryLine.objects.filter(entry=OuterRef("pk"), amount__gt=0)
            .values("entry")
            .annotate(sum=Sum("amount"))
            .values("sum")
        )
        entries: QuerySet[Entry] = super().get_queryset(request)
        return entries.annotate(debit=Subquery(debits))

    @admin.display(description="entry", ordering="id")
    def number(self, entry: Entry) -> str:
        return str(entry.pk)

    @admin.display(description="written", ordering="created_at")
    def written(self, entry: Entry) -> str:
        return format.short_datetime(entry.created_at)

    @admin.display(description="kind", ordering="kind")
    def kind_shown(self, entry: Entry) -> str:
        return format.words(entry.kind)

    @admin.display(description="amount")
    def total(self, entry: Any) -> SafeString:
        return amount_cell(format.fils(entry.debit))

    @admin.display(description="payment")
    def payment_shown(self, entry: Entry) -> SafeString | str:
        return payment_link(entry.payment)

    @admin.display(description="payout")
    def payout_shown(self, entry: Entry) -> SafeString | str:
        return format.link_to(entry.payout)

    @admin.display(description="note")
    def short_note(self, entry: Entry) -> str:
        return format.truncate(entry.note, 40) or format.NOTHING

    @admin.display(description="lines")
    def lines_table(self, entry: Entry) -> SafeString | str:
        return entries_table(Entry.objects.filter(pk=entry.pk).prefetch_related("lines__person"))
