"""Factories of products and categories; a counter makes titles unique."""

import itertools
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.contrib.gis.geos import Point
from django.utils import timezone

from accounts.models import User
from accounts.tests.factories import make_seller
from listings.fees import fee_and_payout
from listings.locations import public_point
from listings.models import Category, Product, VideoUpload
from listings.services.search_words import add_words

DUBAI_MARINA = Point(55.1369, 25.0772, srid=4326)
_numbers = itertools.count(1)


def make_product(*, seller: User | None = None, **overrides: Any) -> Product:
    """Save a Community product in Dubai Marina at AED 850; a Discover product gets a video.

    Fee, payout and public point are computed unless they are given. The limit of active products isn't
    checked.
    """
    seller = seller or make_seller()
    fields: dict[str, Any] = {
        "title": f"Nike Air Jordan 1 Retro High {next(_numbers)}",
        "description": "Brand new, never worn. Size 42. Original box included.",
        "price": Decimal("850.00"),
        "category_id": "sneakers",
        "condition": Product.Condition.NEW,
        "feed_type": Product.FeedType.COMMUNITY,
        "location": DUBAI_MARINA,
        "neighborhood": "Dubai Marina",
        "image_urls": ["https://example.com/image1.jpg"],
        "thumbnail_url": "https://example.com/image1.jpg",
        "tags": ["sneakers"],
    } | overrides
    if "category" in overrides:
        del fields["category_id"]
    if fields["feed_type"] == Product.FeedType.DISCOVER:
        fields.setdefault("video_url", "https://example.com/video.m3u8")
    fields["price"] = Decimal(fields["price"])
    fee, payout = fee_and_payout(fields["price"], fields["feed_type"])
    fields.setdefault("platform_fee", fee)
    fields.setdefault("seller_payout", payout)
    if fields["location"] is not None:
        fields.setdefault("public_location", public_point(fields["location"], seller_id=seller.pk))
    return Product.objects.create(seller=seller, **fields)


def make_category(**overrides: Any) -> Category:
    """Save a category in addition to the 12 of the migration."""
    number = next(_numbers)
    fields: dict[str, Any] = {
        "slug": f"category-{number}",
        "name": f"Category {number}",
        "name_ar": f"فئة {number}",
        "icon": "🏷",
        "color": "#000000",
        "secondary_color": "#ffffff",
        "position": 100 + number,
    }
    return Category.objects.create(**(fields | overrides))


def make_searchable(title: str, **fields: Any) -> Product:
    """Save a product with a title, whose words can be suggested, but without other searchable texts."""
    add_words(title)
    return make_product(title=title, **({"description": "", "tags": []} | fields))


def make_video(*, owner: User | None = None, **overrides: Any) -> VideoUpload:
    """Save the row of a video of which nothing was received; no files are written."""
    fields: dict[str, Any] = {"size": 1000, "expires_at": timezone.now() + timedelta(days=1)}
    return VideoUpload.objects.create(owner=owner or make_seller(), **(fields | overrides))


def make_ready_video(*, owner: User | None = None, **overrides: Any) -> VideoUpload:
    """Save the row of a video that can be watched; no files are written."""
    fields: dict[str, Any] = {
        "state": VideoUpload.State.READY,
        "received": 1000,
        "progress": 100,
        "duration_seconds": 4.0,
        "poster": "videos/poster.jpg",
    }
    return make_video(owner=owner, **(fields | overrides))
