"""Products, categories, favourites, and the words of titles for search."""

import uuid
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.gis.db.models import PointField
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q

LISTED = Q(status="active", seller_closed=False)
"""What lists show: products on sale whose seller's account is open."""
POPULARITY = F("favorite_count") * 10 + F("view_count")


class Category(models.Model):
    """A category; migrations create them."""

    slug = models.SlugField(max_length=40, primary_key=True)
    name = models.CharField(max_length=60)
    name_ar = models.CharField(max_length=60)
    icon = models.CharField(max_length=8)
    color = models.CharField(max_length=7)
    secondary_color = models.CharField(max_length=7)
    position = models.PositiveSmallIntegerField(unique=True)

    class Meta:
        ordering = ("position",)
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name


class ProductQuerySet(models.QuerySet["Product"]):
    def listed(self) -> Self:
        """Keep what lists show: products on sale whose seller's account is open."""
        return self.filter(LISTED)


class Product(models.Model):
    """A product. Only its seller sees the exact location; all others see the public one.

    The table has two more columns, which PostgreSQL generates: `search_document` from the texts (migration
    0003) and `public_xyz` from the public location (0004). They are not fields here because only hand-written
    SQL uses them.
    """

    class FeedType(models.TextChoices):
        COMMUNITY = "community"
        DISCOVER = "discover"

    class Condition(models.TextChoices):
        NEW = "new"
        LIKE_NEW = "like_new"
        GOOD = "good"
        FAIR = "fair"

    class Status(models.TextChoices):
        ACTIVE = "active"
        RESERVED = "reserved"
        SOLD = "sold"
        HIDDEN = "hidden"
        DELETED = "deleted"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    seller = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="products")
    seller_closed = models.BooleanField(
        default=False,
        help_text="The seller is banned or deleted; copied here so that lists need no join",
    )
    title = models.CharField(max_length=200)
    description = models.TextField(max_length=5000, blank=True)
    price = models.DecimalField(max_digits=9, decimal_places=2)
    currency = models.CharField(max_length=3, default=settings.CURRENCY)
    category = models.ForeignKey(Category, models.PROTECT, related_name="products", db_index=False)
    condition = models.CharField(max_length=10, choices=Condition)
    feed_type = models.CharField(max_length=10, choices=FeedType)
    status = models.CharField(max_length=10, choices=Status, default=Status.ACTIVE)

    location = PointField(geography=True, null=True, blank=True, spatial_index=False)
    public_location = PointField(
        geography=True,
        null=True,
        blank=True,
        spatial_index=False,
        help_text="At most LOCATION_OFFSET_MAX_M away from the location; distances are measured to it",
    )
    neighborhood = models.CharField(max_length=100, blank=True)

    image_urls = ArrayField(models.CharField(max_length=2000), default=list, blank=True)
    thumbnail_url = models.CharField(max_length=2000, blank=True)
    video_url = models.CharField(max_length=2000, blank=True)
    video_thumbnail_url = models.CharField(max_length=2000, blank=True)
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)

    platform_fee = models.DecimalField(max_digits=9, decimal_places=2)
    seller_payout = models.DecimalField(max_digits=9, decimal_places=2)

    accepts_offers = models.BooleanField(default=True)
    min_offer_price = models.DecimalField(
        max_digits=9,
        decimal_places=2,
        null=True,
        blank=True,
        help_text="Lower offers are declined; only the seller sees it",
    )
    auto_accept_price = models.DecimalField(
        max_digits=9,
        decimal_places=2,
        null=True,
        blank=True,
        help_text="Offers of at least this are accepted at once",
    )

    view_count = models.PositiveIntegerField(default=0)
    favorite_count = models.PositiveIntegerField(default=0)
    live_stream_id = models.UUIDField(null=True, blank=True, help_text="The live stream that shows it now")

    hidden_reason = models.CharField(max_length=500, blank=True)
    sold_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar = ProductQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(price__gt=0), name="product_price_positive"),
            models.CheckConstraint(
                condition=Q(price=F("platform_fee") + F("seller_payout")),
                name="product_fee_payout_are_price",
            ),
            models.CheckConstraint(
                condition=Q(platform_fee__gte=0, seller_payout__gte=0), name="product_fee_not_negative"
            ),
            models.CheckConstraint(
                condition=~Q(feed_type="discover") | ~Q(video_url=""), name="product_discover_has_video"
            ),
            models.CheckConstraint(
                condition=~Q(feed_type="community") | Q(location__isnull=False),
                name="product_community_has_place",
            ),
            models.CheckConstraint(
                condition=Q(location__isnull=True, public_location__isnull=True)
                | Q(location__isnull=False, public_location__isnull=False),
                name="product_place_has_public_one",
            ),
            models.CheckConstraint(
                condition=Q(min_offer_price__isnull=True) | Q(min_offer_price__lte=F("price")),
                name="product_min_offer_up_to_price",
            ),
            models.CheckConstraint(
                condition=Q(auto_accept_price__isnull=True) | Q(auto_accept_price__lte=F("price")),
                name="product_auto_accept_up_to_price",
            ),
        )
        indexes = (
            # One for each order of a list, over what lists show; `id` makes the order total, for the cursors.
            models.Index("feed_type", "created_at", "id", name="product_feed_recent", condition=LISTED),
            models.Index(
                "feed_type", "category", "created_at", "id", name="product_category_recent", condition=LISTED
            ),
            models.Index("feed_type", "price", "id", name="product_feed_price", condition=LISTED),
            models.Index(
                "feed_type", "category", "price", "id", name="product_category_price", condition=LISTED
            ),
            models.Index("feed_type", POPULARITY, "id", name="product_feed_popular", condition=LISTED),
            models.Index(
                "feed_type", "category", POPULARITY, "id", name="product_category_popular", condition=LISTED
            ),
            models.Index("created_at", "id", name="product_recent", condition=LISTED),
            models.Index("category", "created_at", "id", name="product_category", condition=LISTED),
            models.Index("price", "id", name="product_price", condition=LISTED),
            models.Index(fields=["seller", "-created_at"], name="product_seller_recent"),
            models.Index("live_stream_id", name="product_on_air", condition=Q(live_stream_id__isnull=False)),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def is_available(self) -> bool:
        return self.status == self.Status.ACTIVE

    @property
    def is_listed(self) -> bool:
        """Whether `LISTED` is true of it."""
        return self.status == self.Status.ACTIVE and not self.seller_closed

    @property
    def is_live(self) -> bool:
        return self.live_stream_id is not None


class Favorite(models.Model):
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="favorites", db_index=False
    )
    product = models.ForeignKey(Product, models.CASCADE, related_name="favorites")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["user", "product"], name="favorite_once"),)
        indexes = (models.Index(fields=["user", "-created_at"], name="favorite_recent"),)


class ViewBatch(models.Model):
    """A batch of buffered views that was added to the products, so that it is not added twice."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    applied_at = models.DateTimeField(auto_now_add=True)


class SearchWord(models.Model):
    """A word that titles use; mistyped words are corrected to it, half-typed ones completed."""

    word = models.CharField(max_length=40, primary_key=True, help_text="Normalised like the text of searches")
    display = models.CharField(max_length=40, help_text="As a seller wrote it")
    uses = models.PositiveIntegerField(default=1)
    without_one_letter = ArrayField(models.CharField(max_length=40), default=list)

    class Meta:
        indexes = (GinIndex(fields=["without_one_letter"], name="searchword_typos"),)
