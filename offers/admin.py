"""Read-only admin screens of offers and sales, with the history of each."""

from uuid import UUID

from django.contrib import admin
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from offers.models import Offer, Transaction
from offers.selectors import negotiation_history
from soukloop.core.db.clock import database_now
from soukloop.core.staff import format
from soukloop.core.staff.admin import ReadOnlyStateAdmin

_BOLD = SafeString(' style="font-weight: 600"')
_PEOPLE = (
    "buyer__username",
    "buyer__email",
    "seller__username",
    "seller__email",
)


@admin.register(Offer)
class OfferAdmin(ReadOnlyStateAdmin):
    """Offers, each with the full history of its two sides about the product."""

    list_display = ("product_title", "price", "maker_link", "recipient_link", "status_now", "made_at")
    list_select_related = ("product", "buyer", "seller", "made_by")
    list_filter = ("status", "close_reason", "created_at")
    link_lookups = ("made_by__id__exact", "product__id__exact")
    search_fields = ("=id", "=product__id", "product__title", "message", *_PEOPLE)
    search_help_text = "An id, words of the product's title or of the message, a username or an email"
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    fieldsets = (
        (
            None,
            {"fields": ("id", "product", "price", "asking_price", "message", "status_now", "close_reason")},
        ),
        ("Sides", {"fields": ("buyer", "seller", "made_by", "conversation", "parent", "sale_link")}),
        ("Times", {"fields": ("created_at", "expires_at", "reminded_at", "closed_at", "stream_link")}),
        ("History", {"fields": ("history",)}),
    )
    readonly_fields = ("price", "asking_price", "status_now", "sale_link", "stream_link", "history")

    @admin.display(description="product", ordering="product__title")
    def product_title(self, offer: Offer) -> str:
        return format.truncate(offer.product.title, 32)

    @admin.display(description="from", ordering="made_by__username")
    def maker_link(self, offer: Offer) -> str:
        return format.link_to(offer.made_by, 16)

    @admin.display(description="to")
    def recipient_link(self, offer: Offer) -> str:
        return format.link_to(offer.recipient, 16)

    @admin.display(description="made", ordering="created_at")
    def made_at(self, offer: Offer) -> str:
        return format.short_datetime(offer.created_at)

    @admin.display(description="live stream")
    def stream_link(self, offer: Offer) -> str:
        return _stream_link(offer.stream_id)

    @admin.display(description="offered", ordering="offered_price")
    def price(self, offer: Offer) -> str:
        return format.money(offer.currency, offer.offered_price)

    @admin.display(description="asking price", ordering="original_price")
    def asking_price(self, offer: Offer) -> str:
        return format.money(offer.currency, offer.original_price)

    @admin.display(description="status", ordering="status")
    def status_now(self, offer: Offer) -> str:
        return str(offer.status_at(database_now()).label)

    @admin.display(description="transaction")
    def sale_link(self, offer: Offer) -> str:
        if offer.sale is None:
            return format.NOTHING
        price = format.money(offer.sale.currency, offer.sale.price)
        return format.link_to(offer.sale, text=f"{price} ({offer.sale.get_status_display()})")

    def history(self, offer: Offer) -> SafeString:
        return _history_table(offer)


@admin.register(Transaction)
class TransactionAdmin(ReadOnlyStateAdmin):
    """Sales, each with its fee and the history of the negotiation."""

    list_display = ("product_title", "amount", "fee", "buyer_link", "seller_link", "status", "agreed_at")
    list_select_related = ("product", "buyer", "seller")
    list_filter = ("status", "created_at")
    link_lookups = ("buyer__id__exact", "seller__id__exact", "product__id__exact")
    search_fields = ("=id", "=offer__id", "=product__id", "product__title", *_PEOPLE)
    search_help_text = "An id, words of the product's title, a username or an email"
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    fieldsets = (
        (None, {"fields": ("id", "product", "offer_link", "buyer", "seller", "status", "stream_link")}),
        ("Money", {"fields": ("amount", "rate", "fee", "payout")}),
        ("Times", {"fields": ("created_at", "closed_at", "closed_by", "close_reason")}),
        ("History", {"fields": ("history",)}),
    )
    readonly_fields = ("amount", "rate", "fee", "payout", "offer_link", "stream_link", "history")

    @admin.display(description="product", ordering="product__title")
    def product_title(self, sale: Transaction) -> str:
        return format.truncate(sale.product.title, 28)

    @admin.display(description="buyer", ordering="buyer__username")
    def buyer_link(self, sale: Transaction) -> str:
        return format.link_to(sale.buyer, 16)

    @admin.display(description="seller", ordering="seller__username")
    def seller_link(self, sale: Transaction) -> str:
        return format.link_to(sale.seller, 16)

    @admin.display(description="agreed", ordering="created_at")
    def agreed_at(self, sale: Transaction) -> str:
        return format.short_datetime(sale.created_at)

    @admin.display(description="fee", ordering="platform_fee")
    def fee(self, sale: Transaction) -> str:
        return format.money(sale.currency, sale.platform_fee)

    @admin.display(description="fee rate")
    def rate(self, sale: Transaction) -> str:
        return f"{(sale.fee_rate * 100).normalize():f}\u00a0%"

    @admin.display(description="payout")
    def payout(self, sale: Transaction) -> str:
        return format.money(sale.currency, sale.seller_payout)

    @admin.display(description="live stream")
    def stream_link(self, sale: Transaction) -> str:
        return _stream_link(sale.stream_id)

    @admin.display(description="price", ordering="price")
    def amount(self, sale: Transaction) -> str:
        return format.money(sale.currency, sale.price)

    @admin.display(description="offer")
    def offer_link(self, sale: Transaction) -> str:
        return format.link_to(sale.offer, text=format.money(sale.offer.currency, sale.offer.offered_price))

    def history(self, sale: Transaction) -> SafeString:
        return _history_table(sale.offer)


def _stream_link(stream_id: UUID | None) -> SafeString | str:
    if stream_id is None:
        return format.NOTHING
    return format.link_to_page("livestream.stream", stream_id, str(stream_id))


def _history_table(offer: Offer) -> SafeString:
    """Return a table of the two sides' history about the product, with this offer's entries in bold."""
    rows = format_html_join(
        "",
        "<tr{}><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
        (
            (
                _BOLD if entry.offer_id == offer.pk else "",
                format.full_datetime(entry.created_at),
                format.money(entry.offer.currency, entry.offer.offered_price),
                entry.get_kind_display(),
                entry.actor or "automatic",
                entry.reason.replace("_", " "),
            )
            for entry in negotiation_history(offer)
        ),
    )
    return format_html(
        '<div class="small-table"><table><thead><tr><th>Time</th><th>Offer</th><th>Event</th><th>By</th>'
        "<th>Reason</th></tr></thead><tbody>{}</tbody></table></div>",
        rows,
    )
