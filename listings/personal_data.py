"""What an export of a person's data has of listings."""

from listings.models import Favorite, Product, VideoUpload
from soukloop.core.personal_data import PersonalTable, owned_by

TABLES = [
    PersonalTable(
        "products",
        Product,
        owned_by("seller"),
        (
            *(
                "id",
                "title",
                "description",
                "price",
                "currency",
                "category",
                "condition",
                "feed_type",
                "status",
            ),
            *("location", "neighborhood", "image_urls", "thumbnail_url", "video_url", "tags", "platform_fee"),
            *("seller_payout", "accepts_offers", "min_offer_price", "auto_accept_price", "view_count"),
            *("favorite_count", "hidden_reason", "sold_at", "deleted_at", "created_at", "updated_at"),
        ),
    ),
    PersonalTable("favorites", Favorite, owned_by("user"), ("product", "product__title", "created_at")),
    PersonalTable(
        "uploaded_videos",
        VideoUpload,
        owned_by("owner"),
        ("id", "state", "size", "file_name", "duration_seconds", "created_at", "updated_at"),
    ),
]
