"""Tables of products, categories, favourites and search words, and of uploaded videos."""

from listings.models.products import (
    LISTED,
    POPULARITY,
    Category,
    Favorite,
    FavoriteNotice,
    PriceChange,
    Product,
    ProductQuerySet,
    SearchWord,
    ViewBatch,
)
from listings.models.videos import VideoUpload

__all__ = [
    "LISTED",
    "POPULARITY",
    "Category",
    "Favorite",
    "FavoriteNotice",
    "PriceChange",
    "Product",
    "ProductQuerySet",
    "SearchWord",
    "VideoUpload",
    "ViewBatch",
]
