"""The staff's screens of offers and sales: to look at, with the history of each."""

from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import localize
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from offers.models import Offer, Transaction
from offers.selectors import history_of_negotiation
from soukloop.core.admin import ReadOnlyStateAdmin

_BOLD = SafeString(' style="font-weight: 600"')
_PEOPLE = (
    "buyer__username",
    "buyer__email",
    "seller__username",
    "seller__email",
)


@admin.register(Offer)
class OfferAdmin(ReadOnlyStateAdmin):
    """An offer, and everything that happened between its two sides over the product."""

    list_display = (
        "product",
        "price",
        "made_by",
        "buyer",
        "seller",
        "status_now",
        "created_at",
    )
    list_select_related = ("product", "buyer", "seller", "made_by")
    list_filter = ("status", "close_reason", "created_at")
    search_fields = ("=id", "=product__id", "product__title", "message", *_PEOPLE)
    search_help_text = "An id, words of the product's title or of the message, a username or an email"
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    fieldsets = (
        (None, {"fields": ("id", "product", "price", "asked", "message", "status_now", "close_reason")}),
        ("Sides", {"fields": ("buyer", "seller", "made_by", "conversation", "parent", "sale_link")}),
        ("Times", {"fields": ("created_at", "expires_at", "reminded_at", "closed_at", "stream_id")}),
        ("History", {"fields": ("history",)}),
    )
    readonly_fields = ("price", "asked", "status_now", "sale_link", "history")

    @admin.display(description="offered", ordering="offered_price")
    def price(self, offer: Offer) -> str:
        return f"{offer.currency}\u00a0{offer.offered_price}"

    @admin.display(description="asking price", ordering="original_price")
    def asked(self, offer: Offer) -> str:
        return f"{offer.currency}\u00a0{offer.original_price}"

    @admin.display(description="status", ordering="status")
    def status_now(self, offer: Offer) -> str:
        return str(offer.status_at(timezone.now()).label)

    @admin.display(description="transaction")
    def sale_link(self, offer: Offer) -> str:
        if offer.sale is None:
            return "–"
        page = reverse("admin:offers_transaction_change", args=[offer.sale.pk])
        return format_html('<a href="{}">{} ({})</a>', page, offer.sale, offer.sale.get_status_display())

    def history(self, offer: Offer) -> SafeString:
        return _history_table(offer)


@admin.register(Transaction)
class TransactionAdmin(ReadOnlyStateAdmin):
    """A sale with the fee as it was, and the negotiation it came of."""

    list_display = (
        "product",
        "amount",
        "platform_fee",
        "buyer",
        "seller",
        "status",
        "created_at",
    )
    list_select_related = ("product", "buyer", "seller")
    list_filter = ("status", "created_at")
    search_fields = ("=id", "=offer__id", "=product__id", "product__title", *_PEOPLE)
    search_help_text = "An id, words of the product's title, a username or an email"
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    fieldsets = (
        (None, {"fields": ("id", "product", "offer_link", "buyer", "seller", "status", "stream_id")}),
        ("Money", {"fields": ("amount", "fee_rate", "platform_fee", "seller_payout")}),
        ("Times", {"fields": ("created_at", "closed_at", "closed_by", "close_reason")}),
        ("History", {"fields": ("history",)}),
    )
    readonly_fields = ("amount", "offer_link", "history")

    @admin.display(description="price", ordering="price")
    def amount(self, sale: Transaction) -> str:
        return f"{sale.currency}\u00a0{sale.price}"

    @admin.display(description="offer")
    def offer_link(self, sale: Transaction) -> str:
        page = reverse("admin:offers_offer_change", args=[sale.offer_id])
        return format_html('<a href="{}">{}</a>', page, sale.offer)

    def history(self, sale: Transaction) -> SafeString:
        return _history_table(sale.offer)


def _history_table(offer: Offer) -> SafeString:
    """Return what happened between the two sides over the product, this offer's lines in bold."""
    rows = format_html_join(
        "",
        "<tr{}><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
        (
            (
                _BOLD if entry.offer_id == offer.pk else "",
                localize(timezone.localtime(entry.created_at)),
                f"{entry.offer.currency} {entry.offer.offered_price}",
                entry.get_kind_display(),
                entry.actor or "by rule or clock",
                entry.reason.replace("_", " "),
            )
            for entry in history_of_negotiation(offer)
        ),
    )
    return format_html(
        "<table><thead><tr><th>Time</th><th>Offer</th><th>What</th><th>By</th><th>Why</th></tr></thead>"
        "<tbody>{}</tbody></table>",
        rows,
    )
