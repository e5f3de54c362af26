"""The admin screen of invoices, receipts and credit notes, with the page that people got."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from payments.admin.shown import amount_cell, payment_link, person
from payments.documents import PAGE_POLICY, render_html
from payments.models import Document
from soukloop.core.staff import format
from soukloop.core.staff.money_lists import Column, MoneyListAdmin, Total


@admin.register(Document)
class DocumentAdmin(MoneyListAdmin):
    """Invoices of our fee, receipts and credit notes."""

    list_display = ("name", "kind_shown", "issued", "net_shown", "vat_shown", "total_shown", "person_link")
    list_select_related = ("series", "person")
    list_filter = ("kind", "series", "issued_at")
    link_lookups = ("person__id__exact",)
    search_fields = (
        "=id",
        "=number",
        "=payment__id",
        "=payment__reference",
        "person__username",
        "person__email",
    )
    search_help_text = (
        "A number without its series, an id (also of the payment or the order), a username or an email"
    )
    date_hierarchy = "issued_at"
    ordering = ("-issued_at", "-number")
    exported_by = "issued_at"
    totals = (Total("Net", "net"), Total("VAT", "vat"), Total("Total", "total"))
    columns = (
        *(Column("Series", "series_id"), Column("Number", "number"), Column("Kind", "kind")),
        *(Column("Issued", "issued_at"), Column("Person", "person__username")),
        *(Column("Payment", "payment_id"), Column("Currency", "currency")),
        *(Column("Net", "net", is_fils=True), Column("VAT", "vat", is_fils=True)),
        Column("Total", "total", is_fils=True),
    )
    fieldsets = (
        (
            None,
            {"fields": ("id", "name", "kind_shown", "person_link", "payment_shown", "entry", "issued_at")},
        ),
        ("Money", {"fields": ("net_shown", "vat_shown", "total_shown")}),
        ("As it was issued", {"fields": ("pages",)}),
    )
    readonly_fields = (
        *("name", "kind_shown", "person_link", "payment_shown", "net_shown", "vat_shown", "total_shown"),
        "pages",
    )

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.page_view)
        pages = [path("<uuid:document_id>/page/<str:language>/", view, name="payments_document_page")]
        return [*pages, *super().get_urls()]

    def page_view(self, request: HttpRequest, document_id: UUID, language: str) -> HttpResponse:
        """Show a document as its person reads it, in "en" or "ar"."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        document = Document.objects.select_related("payment").filter(pk=document_id).first()
        if document is None or language not in ("en", "ar"):
            raise Http404
        headers = {"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-store"}
        return HttpResponse(render_html(document, language), headers=headers)

    @admin.display(description="number", ordering="number")
    def name(self, document: Document) -> str:
        return str(document)

    @admin.display(description="kind", ordering="kind")
    def kind_shown(self, document: Document) -> str:
        return format.words(document.kind)

    @admin.display(description="issued", ordering="issued_at")
    def issued(self, document: Document) -> str:
        return format.short_datetime(document.issued_at)

    @admin.display(description="net", ordering="net")
    def net_shown(self, document: Document) -> SafeString:
        return amount_cell(format.fils(document.net, document.currency))

    @admin.display(description="VAT", ordering="vat")
    def vat_shown(self, document: Document) -> SafeString:
        return amount_cell(format.fils(document.vat, document.currency))

    @admin.display(description="total", ordering="total")
    def total_shown(self, document: Document) -> SafeString:
        return amount_cell(format.fils(document.total, document.currency))

    @admin.display(description="issued to", ordering="person__username")
    def person_link(self, document: Document) -> SafeString | str:
        return person(document.person)

    @admin.display(description="payment")
    def payment_shown(self, document: Document) -> SafeString | str:
        return payment_link(document.payment)

    @admin.display(description="page")
    def pages(self, document: Document) -> SafeString:
        return format.join_dots(
            *(
                format_html(
                    '<a href="{}" target="_blank">{}</a>',
                    reverse("admin:payments_document_page", args=[document.pk, code]),
                    name,
                )
                for code, name in (("en", "English"), ("ar", "Arabic"))
            )
        )
