"""Demo products for the Community and Discover feeds."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

from accounts.demo import demo_people
from accounts.models import User
from listings.demo_media import store_demo_picture, store_demo_video
from listings.models import Category, Product
from listings.services.products import create_product, update_product

# What Discover's products had as their video in earlier versions, and have where none can be made.
_NO_VIDEO = "https://example.com/demo.m3u8"
# title, category, condition, price in AED, description
_COMMUNITY = (
    ("Nike Air Jordan 1 Retro High", "sneakers", "new", "850", "Size 42, original box, never worn."),
    ("iPhone 15 Pro 256 GB", "electronics", "like_new", "2900", "Battery 96 %, with charger and case."),
    ("عود كمبودي فاخر ٥٠ غرام", "perfumes_oud", "new", "420", "عود طبيعي، رائحة هادئة تدوم طويلاً."),
    ("PlayStation 5 with two controllers", "gaming", "good", "1450", "Disc edition, three games with it."),
    ("IKEA oak dining table, six chairs", "home_furniture", "good", "600", "Pick up only, fits a van."),
    ("دراجة أطفال مقاس ٢٠", "baby_kids", "good", "180", "استعمال خفيف، مع عجلات مساعدة."),
    ("Camping tent for four", "sports_outdoors", "like_new", "320", "Used once in Hatta."),
    ("Canon EOS R6 body", "electronics", "good", "4300", "Shutter count 21,000."),
)
_DISCOVER = (
    ("Pokemon booster box, opened live", "trading_cards", "new", "299", "Thirty-six packs."),
    ("Omega Seamaster 300M", "watches_jewelry", "like_new", "14500", "Full set, papers from 2023."),
    ("Chanel Classic Flap, medium", "luxury_fashion", "good", "18900", "Caviar leather, gold hardware."),
    ("Signed Emirati calligraphy print", "collectibles_art", "new", "750", "Number 12 of 50."),
)


def seed() -> Sequence[str]:
    """Create the demo products that don't exist yet."""
    seed_products(demo_people())
    return ()


def demo_products() -> list[Product]:
    """Return all products of the demo sellers, oldest first."""
    return list(Product.objects.filter(seller__in=demo_people()).order_by("created_at", "id"))


def seed_products(users: Sequence[User]) -> list[Product]:
    """Create the missing demo products, shared among the sellers, and return all products of the sellers.

    Those of an earlier version, which had no pictures, get them.
    """
    sellers = [user for user in users if user.role == User.Role.SELLER and user.location is not None]
    if not sellers:
        return []
    categories = Category.objects.in_bulk()
    existing = {product.title: product for product in Product.objects.filter(seller__in=sellers)}
    missing = [
        (number, row)
        for number, row in enumerate((*_COMMUNITY, *_DISCOVER))
        if row[0] not in existing or _lacks_pictures(existing[row[0]])
    ]
    with ThreadPoolExecutor(1) as threads:  # the video is made while the pictures are
        needs_video = any(number >= len(_COMMUNITY) for number, _ in missing)
        video = threads.submit(_video) if needs_video else None
        for number, (title, slug, condition, price, description) in missing:
            seller = sellers[number % len(sellers)]
            fields: dict[str, Any]
            if video is not None and number >= len(_COMMUNITY):
                fields = {"feed_type": Product.FeedType.DISCOVER, **video.result()}
            else:
                url = store_demo_picture(seller=seller, category=slug, number=number)
                fields = {"feed_type": Product.FeedType.COMMUNITY, "image_urls": [url]}
            if title in existing:
                update_product(actor=seller, product_id=existing[title].pk, changes=fields)
                continue
            create_product(
                actor=seller,
                title=title,
                description=description,
                price=Decimal(price),
                category=categories[slug],
                condition=condition,
                tags=[slug],
                location=seller.location,
                neighborhood=seller.neighborhood,
                **fields,
            )
    return list(Product.objects.filter(seller__in=sellers).order_by("created_at", "id"))


def _lacks_pictures(product: Product) -> bool:
    """Return whether a demo product is on sale without pictures that can be seen."""
    shown = product.video_url if product.feed_type == Product.FeedType.DISCOVER else product.image_urls
    return product.status == Product.Status.ACTIVE and (not shown or shown == _NO_VIDEO)


def _video() -> dict[str, str]:
    video = store_demo_video([slug for _, slug, *_ in _DISCOVER])
    if video is None:
        return {"video_url": _NO_VIDEO, "video_thumbnail_url": "https://example.com/demo.jpg"}
    return {"video_url": video.url, "video_thumbnail_url": video.poster_url}
