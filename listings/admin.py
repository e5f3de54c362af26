"""Admin screens of products, where staff hide and restore them, and of categories."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from listings import emirates_map
from listings.models import Category, Product, VideoUpload
from listings.services import products
from soukloop.core.images import public_url
from soukloop.core.staff import format
from soukloop.core.staff.actions import reason_action
from soukloop.core.staff.admin import ReadOnlyStateAdmin


@admin.register(Product)
class ProductAdmin(ReadOnlyStateAdmin):
    """Products, each with a map of its location."""

    # These columns fit beside the filters at a width of 1300 px.
    list_display = ("short_title", "seller_link", "category_name", "amount", "status", "listed_at")
    list_select_related = ("seller", "category")
    list_filter = ("status", "feed_type", "category", "condition", "created_at")
    link_lookups = ("seller__id__exact",)
    search_fields = ("=id", "title", "seller__username", "seller__email", "neighborhood")
    search_help_text = "Product id, words of the title, username or email of the seller, neighbourhood"
    ordering = ("-created_at",)
    actions = ("hide", "restore")
    fieldsets = (
        (None, {"fields": ("id", "title", "description", "seller", "category", "condition", "related")}),
        ("State", {"fields": ("status", "hidden_reason", "seller_closed", "deleted_at")}),
        ("Price", {"fields": ("amount", "fee", "payout", "accepts_offers", "minimum_offer", "auto_accept")}),
        ("Location", {"fields": ("neighborhood", "map")}),
        ("Media", {"fields": ("pictures", "video", "video_poster", "tags")}),
        ("Statistics", {"fields": ("view_count", "favorite_count", "created_at", "updated_at", "sold_at")}),
    )
    readonly_fields = (
        "amount",
        "fee",
        "payout",
        "minimum_offer",
        "auto_accept",
        "related",
        "map",
        "pictures",
        "video",
        "video_poster",
    )

    def is_offered(self, action: str, row: Any) -> bool:
        required_status = {"hide": Product.Status.ACTIVE, "restore": Product.Status.HIDDEN}
        return bool(row.status == required_status[action])

    @reason_action(
        description="Hide",
        done="hidden",
        help_text="The seller can read this. It is also saved in the history.",
    )
    def hide(self, request: HttpRequest, product: Product, reason: str) -> None:
        products.hide_product(actor=request.user, product_id=product.pk, reason=reason)  # type: ignore[arg-type]

    @reason_action(description="Restore", done="restored")
    def restore(self, request: HttpRequest, product: Product, reason: str) -> None:
        products.restore_product(actor=request.user, product_id=product.pk, reason=reason)  # type: ignore[arg-type]

    @admin.display(description="title", ordering="title")
    def short_title(self, product: Product) -> str:
        return format.truncate(product.title, 36)

    @admin.display(description="seller", ordering="seller__username")
    def seller_link(self, product: Product) -> str:
        return format.link_to(product.seller, 16)

    @admin.display(description="category", ordering="category")
    def category_name(self, product: Product) -> str:
        return product.category.name

    @admin.display(description="listed", ordering="created_at")
    def listed_at(self, product: Product) -> str:
        return format.short_datetime(product.created_at)

    @admin.display(description="price", ordering="price")
    def amount(self, product: Product) -> str:
        return format.money(product.currency, product.price)

    @admin.display(description="platform fee")
    def fee(self, product: Product) -> str:
        return format.money(product.currency, product.platform_fee)

    @admin.display(description="payout")
    def payout(self, product: Product) -> str:
        return format.money(product.currency, product.seller_payout)

    @admin.display(description="declines offers below")
    def minimum_offer(self, product: Product) -> str:
        return (
            format.NOTHING
            if product.min_offer_price is None
            else format.money(product.currency, product.min_offer_price)
        )

    @admin.display(description="accepts offers from")
    def auto_accept(self, product: Product) -> str:
        return (
            format.NOTHING
            if product.auto_accept_price is None
            else format.money(product.currency, product.auto_accept_price)
        )

    @admin.display(description="see also")
    def related(self, product: Product) -> SafeString:
        return format.join_dots(
            format.link_to_list("offers.offer", "Offers", product__id__exact=product.pk),
            format.link_to_list("offers.transaction", "Transactions", product__id__exact=product.pk),
            format.link_to_list("chat.conversation", "Conversations", product__id__exact=product.pk),
        )

    @admin.display(description="pictures")
    def pictures(self, product: Product) -> SafeString | str:
        pictures = ((format.media(address),) for address in product.image_urls)
        return format_html_join(SafeString("<br>"), "{}", pictures) or format.NOTHING

    @admin.display(description="video")
    def video(self, product: Product) -> SafeString | str:
        return format.media(product.video_url)

    @admin.display(description="video thumbnail")
    def video_poster(self, product: Product) -> SafeString | str:
        return format.media(product.video_thumbnail_url)

    @admin.display(description="location")
    def map(self, product: Product) -> SafeString | str:
        """Return a map with the exact location and the public one."""
        exact, public = product.location, product.public_location
        if exact is None or public is None:
            return format.NOTHING
        return emirates_map.render_map((exact.x, exact.y), (public.x, public.y))


@admin.register(Category)
class CategoryAdmin(ReadOnlyStateAdmin):
    """Categories, read-only: migrations change them."""

    list_display = ("icon", "name", "name_ar", "slug", "position", "products")
    list_display_links = ("name",)
    search_fields = ("slug", "name", "name_ar")
    search_help_text = "Slug, or name in English or Arabic"
    fields = ("slug", "name", "name_ar", "icon", "color", "secondary_color", "position", "products")
    readonly_fields = ("products",)

    @admin.display(description="products")
    def products(self, category: Category) -> SafeString:
        return format.link_to_list("listings.product", "Products", category__slug__exact=category.pk)


@admin.register(VideoUpload)
class VideoUploadAdmin(ReadOnlyStateAdmin):
    """Uploaded videos, read-only."""

    list_display = ("id", "owner_link", "state", "percent", "reason", "size_shown", "created")
    list_select_related = ("owner",)
    list_filter = ("state", "reason", "created_at")
    link_lookups = ("owner__id__exact",)
    search_fields = ("=id", "owner__username", "owner__email")
    search_help_text = "Video id, username or email of the owner"
    ordering = ("-created_at",)
    fields = (
        "id", "owner", "state", "size_shown", "received", "file_name", "percent", "attempts",
        "duration_seconds", "picture", "reason", "error", "expires_at", "created_at", "updated_at",
    )  # fmt: skip
    readonly_fields = ("size_shown", "percent", "picture")

    @admin.display(description="owner", ordering="owner__username")
    def owner_link(self, video: VideoUpload) -> str:
        return format.link_to(video.owner, 16)

    @admin.display(description="progress", ordering="progress")
    def percent(self, video: VideoUpload) -> str:
        return f"{video.progress} %"

    @admin.display(description="size", ordering="size")
    def size_shown(self, video: VideoUpload) -> str:
        return filesizeformat(video.size)

    @admin.display(description="picture")
    def picture(self, video: VideoUpload) -> SafeString | str:
        return format.media(public_url(video.poster) or "")

    @admin.display(description="created", ordering="created_at")
    def created(self, video: VideoUpload) -> str:
        return format.short_datetime(video.created_at)
