"""The staff's screen of products: to look at, and to hide and restore with a reason."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.timezone import localtime

from listings.models import Category, Product
from listings.services import products
from soukloop.core.admin import ReadOnlyStateAdmin, reason_action

# What the map shows: the Emirates, in degrees. Drawn here: staff's browsers fetch no tiles from elsewhere.
_WEST, _EAST, _SOUTH, _NORTH = 51.4, 56.6, 22.5, 26.2
_WIDTH, _HEIGHT = 416, 296
_CITIES = (
    ("Abu Dhabi", 54.377, 24.454),
    ("Dubai", 55.271, 25.205),
    ("Sharjah", 55.404, 25.346),
    ("Ras Al Khaimah", 55.943, 25.800),
    ("Fujairah", 56.336, 25.129),
    ("Al Ain", 55.744, 24.207),
)


@admin.register(Product)
class ProductAdmin(ReadOnlyStateAdmin):
    """A product, where it is, and what staff did to it."""

    # Few and narrow: they fit beside the filters at 1300 px.
    list_display = ("short_title", "sold_by", "kind", "amount", "status", "listed_on")
    list_select_related = ("seller", "category")
    list_filter = ("status", "feed_type", "category", "condition", "created_at")
    search_fields = ("=id", "title", "seller__username", "seller__email", "neighborhood")
    search_help_text = "An id, words of the title, a seller, a neighbourhood"
    ordering = ("-created_at",)
    actions = ("hide", "restore")
    fieldsets = (
        (None, {"fields": ("id", "title", "description", "seller", "category", "condition")}),
        ("State", {"fields": ("status", "hidden_reason", "seller_closed", "deleted_at")}),
        ("Price", {"fields": ("amount", "platform_fee", "seller_payout", "accepts_offers")}),
        ("Place", {"fields": ("neighborhood", "map")}),
        ("Media", {"fields": ("image_urls", "video_url", "video_thumbnail_url", "tags")}),
        ("Figures", {"fields": ("view_count", "favorite_count", "created_at", "updated_at", "sold_at")}),
    )
    readonly_fields = ("amount", "map")

    def is_offered(self, action: str, row: Any) -> bool:
        wanted = {"hide": Product.Status.ACTIVE, "restore": Product.Status.HIDDEN}
        return bool(row.status == wanted[action])

    @reason_action(
        description="Hide",
        done="hidden",
        help_text="The seller is shown this. It is kept in the history too.",
    )
    def hide(self, request: HttpRequest, product: Product, reason: str) -> None:
        products.hide_product(actor=request.user, product_id=product.pk, reason=reason)  # type: ignore[arg-type]

    @reason_action(description="Restore", done="on sale again")
    def restore(self, request: HttpRequest, product: Product, reason: str) -> None:
        products.restore_product(actor=request.user, product_id=product.pk, reason=reason)  # type: ignore[arg-type]

    @admin.display(description="title", ordering="title")
    def short_title(self, product: Product) -> str:
        return Truncator(product.title).chars(36)

    @admin.display(description="seller", ordering="seller__username")
    def sold_by(self, product: Product) -> str:
        return Truncator(str(product.seller)).chars(16)

    @admin.display(description="category", ordering="category")
    def kind(self, product: Product) -> str:
        return product.category.name

    @admin.display(description="listed", ordering="created_at")
    def listed_on(self, product: Product) -> str:
        return date_format(localtime(product.created_at), "j M Y")

    @admin.display(description="price", ordering="price")
    def amount(self, product: Product) -> str:
        return f"{product.currency}\u00a0{product.price}"

    @admin.display(description="where")
    def map(self, product: Product) -> SafeString | str:
        """Draw the product's own point among the cities; staff may see it, others get the offset one."""
        if product.location is None:
            return "–"
        longitude, latitude = product.location.coords[:2]
        cities = format_html_join(
            "",
            '<circle cx="{}" cy="{}" r="2.5" fill="#888"/>'
            '<text x="{}" y="{}" font-size="10" fill="#888">{}</text>',
            (
                (x, y, x + 5, y + 3, name)
                for name, x, y in ((name, *_place(lo, la)) for name, lo, la in _CITIES)
            ),
        )
        x, y = _place(longitude, latitude)
        return format_html(
            '<svg viewBox="0 0 {} {}" style="max-width: 100%; width: 26rem; border: 1px solid #8884"'
            ' role="img" aria-label="Map">{}'
            '<circle cx="{}" cy="{}" r="6" fill="#c2185b" fill-opacity=".75"/></svg><br>{}, {}',
            _WIDTH,
            _HEIGHT,
            cities,
            x,
            y,
            f"{latitude:.5f}",
            f"{longitude:.5f}",
        )


@admin.register(Category)
class CategoryAdmin(ReadOnlyStateAdmin):
    """The 12 categories; they change with a release."""

    list_display = ("icon", "name", "name_ar", "slug", "position")
    list_display_links = ("name",)


def _place(longitude: float, latitude: float) -> tuple[float, float]:
    """Project degrees onto the map, kept within its edges."""
    x = (longitude - _WEST) / (_EAST - _WEST) * _WIDTH
    y = (_NORTH - latitude) / (_NORTH - _SOUTH) * _HEIGHT
    return round(min(max(x, 4), _WIDTH - 4), 1), round(min(max(y, 4), _HEIGHT - 4), 1)
