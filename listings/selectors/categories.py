"""Reads of the categories with their counts (contract 2.6)."""

from hashlib import blake2b
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from listings import hooks
from listings.category_counts import category_counts
from listings.error_codes import ListingsErrorCode
from listings.models import Category
from soukloop.core import jsonlib
from soukloop.core.errors import NotFound


def categories() -> list[dict[str, Any]]:
    """Return all categories as clients see them, ordered by position."""
    counts, live = category_counts(), hooks.live_stream_counts()
    return [
        {
            "slug": category.slug,
            "name": category.name_ar if get_language() == "ar" else category.name,
            "name_ar": category.name_ar,
            "icon": category.icon,
            "color": category.color,
            "secondary_color": category.secondary_color,
            "total_products": counts.get(category.slug, (0, 0))[0],
            "live_streams_count": live.get(category.slug, 0),
            "active_listings_count": counts.get(category.slug, (0, 0))[1],
        }
        for category in Category.objects.all()
    ]


def categories_version() -> str:
    """Return a text that changes when categories are added, renamed, reordered or get another icon or colour.

    The numbers of products, which change all the time, have no part in it.
    """
    rows = list(Category.objects.values_list("slug", "name", "name_ar", "icon", "color", "secondary_color"))
    return blake2b(jsonlib.dumps(rows), digest_size=8).hexdigest()


def category(slug: str) -> dict[str, Any]:
    """Return one category as clients see it; raises NotFound."""
    for shown in categories():
        if shown["slug"] == slug:
            return shown
    raise NotFound(_("Category not found."), code=ListingsErrorCode.CATEGORY_NOT_FOUND)
