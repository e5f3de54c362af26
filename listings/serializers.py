"""Shapes of products, in and out."""

import math
import re
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.gis.geos import Point
from django.core.validators import URLValidator
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty

from accounts.models import User
from accounts.serializers.people import PersonCardOutput, person_card_body
from accounts.serializers.profiles import LocationOutput, location_body
from listings.models import Category, Product
from soukloop.core.http.fields import PlainTextField
from soukloop.core.money import PriceField

_NOT_IN_ADDRESSES = re.compile(r"[\s\\\"'<>`\x00-\x1f\x7f]")


class WebAddressField(serializers.CharField):
    """An http or https address that every program reads alike; nothing here ever fetches it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=2000, validators=[_check_address], **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


def _check_address(address: str) -> None:
    if _NOT_IN_ADDRESSES.search(address):
        raise serializers.ValidationError("An address has no spaces, quotes, backslashes or angle brackets.")
    wrong_host = "The host or port of this address can't be right."
    try:
        parts = urlsplit(address)
        _ = parts.port  # raises for one beyond 65535
    except ValueError as error:
        raise serializers.ValidationError(wrong_host) from error
    if parts.scheme not in ("http", "https"):
        raise serializers.ValidationError("Give an address with http:// or https://.")
    if "@" in parts.netloc:  # whoever reads it sees a name they trust before the @
        raise serializers.ValidationError("Leave the name and password out of the address.")
    URLValidator(schemes=["http", "https"], message=wrong_host)(address)


@extend_schema_field(OpenApiTypes.DOUBLE)
class CoordinateField(serializers.Field[float, float, float, Any]):
    """Degrees as a JSON number."""

    default_error_messages = {
        "not_a_number": "A coordinate is a number.",
        "out_of_range": "A number from {least} to {most}.",
    }

    def __init__(self, most: int, **kwargs: Any) -> None:
        self.most = most
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, (int, float)):
            self.fail("not_a_number")
        if not math.isfinite(data) or abs(data) > self.most:
            self.fail("out_of_range", least=-self.most, most=self.most)
        return float(data)

    def to_representation(self, value: float) -> float:
        return value


class LocationInput(serializers.Serializer[Any]):
    latitude = CoordinateField(90)
    longitude = CoordinateField(180)

    def to_internal_value(self, data: Any) -> Any:
        place = super().to_internal_value(data)
        # Where a product is changed DRF asks for no field, in here neither; half a place is none.
        if missing := self.fields.keys() - place.keys():
            raise serializers.ValidationError({name: ["This field is required."] for name in missing})
        return Point(place["longitude"], place["latitude"], srid=4326)


class CategoryField(serializers.CharField):
    """One of the 12, by its slug; looked up only once the validators found nothing odd in it."""

    def run_validation(self, data: Any = empty) -> Any:
        slug = super().run_validation(data)
        category = Category.objects.filter(pk=slug).first()
        if category is None:
            raise serializers.ValidationError("There is no such category.")
        return category


class TagField(PlainTextField):
    def to_internal_value(self, data: Any) -> str:
        return super().to_internal_value(data.strip().lstrip("#") if isinstance(data, str) else data)


class ProductInput(serializers.Serializer[Any]):
    """A product as its seller describes it; what must go together is checked by the service."""

    title = PlainTextField(max_length=200)
    description = PlainTextField(has_lines=True, max_length=5000, required=False, allow_blank=True)
    price = PriceField()
    currency = serializers.ChoiceField(choices=settings.CURRENCIES, required=False)
    category = CategoryField()
    condition = serializers.ChoiceField(choices=Product.Condition.choices)
    feed_type = serializers.ChoiceField(choices=Product.FeedType.choices)
    location = LocationInput(required=False, allow_null=True)
    neighborhood = PlainTextField(max_length=100, required=False, allow_blank=True)
    image_urls = serializers.ListField(
        child=WebAddressField(), max_length=settings.PRODUCT_IMAGES_MAX, required=False
    )
    video_url = WebAddressField(required=False, allow_blank=True, allow_null=True)
    video_thumbnail_url = WebAddressField(required=False, allow_blank=True, allow_null=True)
    tags = serializers.ListField(
        child=TagField(max_length=40), max_length=settings.PRODUCT_TAGS_MAX, required=False
    )
    accepts_offers = serializers.BooleanField(required=False)
    min_offer_price = PriceField(
        required=False, allow_null=True, help_text="Offers below are refused; nobody else sees it"
    )
    auto_accept_price = PriceField(
        required=False, allow_null=True, help_text="Offers from here up are taken at once"
    )

    def validate_video_url(self, value: str | None) -> str:
        return value or ""

    def validate_video_thumbnail_url(self, value: str | None) -> str:
        return value or ""

    def validate_tags(self, value: list[str]) -> list[str]:
        return [tag for tag in dict.fromkeys(value) if tag]


class SellerOutput(PersonCardOutput):
    username = serializers.CharField(help_text="With its @")


class CardOutput(serializers.Serializer[Any]):
    """A product in a list."""

    id = serializers.UUIDField()
    title = serializers.CharField()
    price = serializers.FloatField()
    currency = serializers.CharField()
    category = serializers.CharField()
    condition = serializers.ChoiceField(choices=Product.Condition.choices)
    feed_type = serializers.ChoiceField(choices=Product.FeedType.choices)
    status = serializers.ChoiceField(choices=Product.Status.choices)
    neighborhood = serializers.CharField()
    thumbnail_url = serializers.CharField(allow_null=True)
    video_url = serializers.CharField(allow_null=True)
    is_live = serializers.BooleanField()
    live_stream_id = serializers.UUIDField(allow_null=True)
    accepts_offers = serializers.BooleanField()
    favorite_count = serializers.IntegerField()
    view_count = serializers.IntegerField()
    is_favorite = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    seller = SellerOutput()
    distance_km = serializers.FloatField(required=False, help_text="Where a place was given")
    distance_label = serializers.CharField(required=False)


class ProductOutput(CardOutput):
    """A product by itself; the last four fields go to its seller alone."""

    description = serializers.CharField()
    image_urls = serializers.ListField(child=serializers.CharField())
    video_thumbnail_url = serializers.CharField(allow_null=True)
    tags = serializers.ListField(child=serializers.CharField())
    platform_fee = serializers.FloatField()
    seller_payout = serializers.FloatField()
    is_available = serializers.BooleanField()
    sold_at = serializers.DateTimeField(allow_null=True)
    updated_at = serializers.DateTimeField()
    location = LocationOutput(required=False, allow_null=True)
    min_offer_price = serializers.FloatField(required=False, allow_null=True)
    auto_accept_price = serializers.FloatField(required=False, allow_null=True)
    hidden_reason = serializers.CharField(required=False)


class PageOutput(serializers.Serializer[Any]):
    items = CardOutput(many=True)
    page = serializers.IntegerField()
    per_page = serializers.IntegerField()
    total = serializers.IntegerField()
    total_is_exact = serializers.BooleanField(help_text="False where there are more than were counted")
    has_more = serializers.BooleanField()
    next_cursor = serializers.CharField(allow_null=True, help_text="For `cursor`, however deep")


class FavoritesOutput(serializers.Serializer[Any]):
    items = CardOutput(many=True)
    page = serializers.IntegerField()
    per_page = serializers.IntegerField()
    total = serializers.IntegerField()
    has_more = serializers.BooleanField()


class CategoryFacetOutput(serializers.Serializer[Any]):
    category = serializers.CharField()
    count = serializers.IntegerField()


class PriceFacetOutput(serializers.Serializer[Any]):
    label = serializers.CharField()  # type: ignore[assignment]  # a field named as a field's attribute
    min_price = serializers.IntegerField()
    max_price = serializers.IntegerField(allow_null=True)
    count = serializers.IntegerField()


class ConditionFacetOutput(serializers.Serializer[Any]):
    condition = serializers.CharField()
    count = serializers.IntegerField()


class FacetsOutput(serializers.Serializer[Any]):
    categories = CategoryFacetOutput(many=True)
    price_ranges = PriceFacetOutput(many=True)
    conditions = ConditionFacetOutput(many=True)


class SearchOutput(PageOutput):
    facets = FacetsOutput()
    corrected_query = serializers.CharField(
        allow_null=True, help_text="What was searched for instead, where nothing matched the words as typed"
    )


class SuggestionsOutput(serializers.Serializer[Any]):
    items = serializers.ListField(child=serializers.CharField())


class CategoryOutput(serializers.Serializer[Any]):
    slug = serializers.CharField()
    name = serializers.CharField()
    name_ar = serializers.CharField()
    icon = serializers.CharField()
    color = serializers.CharField()
    secondary_color = serializers.CharField()
    total_products = serializers.IntegerField()
    live_streams_count = serializers.IntegerField()
    active_listings_count = serializers.IntegerField()


class FavoriteOutput(serializers.Serializer[Any]):
    product_id = serializers.UUIDField()
    is_favorite = serializers.BooleanField()
    favorite_count = serializers.IntegerField()


class ImageOutput(serializers.Serializer[Any]):
    url = serializers.CharField(help_text="For `image_urls`")
    width = serializers.IntegerField()
    height = serializers.IntegerField()


def product_body(product: Product, viewer: User | None, *, is_favorite: bool = False) -> dict[str, Any]:
    """Return a product for the one who looks at it; `seller` must be loaded."""
    seller = product.seller
    body: dict[str, Any] = {
        "id": product.pk,
        "title": product.title,
        "description": product.description,
        "price": product.price,
        "currency": product.currency,
        "category": product.category_id,
        "condition": product.condition,
        "feed_type": product.feed_type,
        "status": product.status,
        "is_available": product.is_available,
        "platform_fee": product.platform_fee,
        "seller_payout": product.seller_payout,
        "neighborhood": product.neighborhood,
        "image_urls": product.image_urls,
        "thumbnail_url": product.thumbnail_url or None,
        "video_url": product.video_url or None,
        "video_thumbnail_url": product.video_thumbnail_url or None,
        "tags": product.tags,
        "is_live": product.is_live,
        "live_stream_id": product.live_stream_id,
        "accepts_offers": product.accepts_offers,
        "favorite_count": product.favorite_count,
        "view_count": product.view_count,
        "is_favorite": is_favorite,
        "created_at": product.created_at,
        "updated_at": product.updated_at,
        "sold_at": product.sold_at,
        "seller": person_card_body(
            user_id=seller.pk,
            username=f"@{seller.username}",
            avatar=seller.avatar,
            is_verified=seller.is_verified,
        ),
    }
    if viewer is not None and viewer.pk == product.seller_id:
        place = product.location
        body |= {
            "location": place and location_body(place),
            "min_offer_price": product.min_offer_price,
            "auto_accept_price": product.auto_accept_price,
            "hidden_reason": product.hidden_reason,
        }
    return body


class ProductCardOutput(serializers.Serializer[Any]):
    """A product in few words, as conversations and offers show theirs."""

    id = serializers.UUIDField()
    title = serializers.CharField()
    price = serializers.FloatField()
    currency = serializers.CharField()
    thumbnail_url = serializers.URLField()
    status = serializers.ChoiceField(choices=Product.Status.choices)


def product_card(product: Product) -> dict[str, Any]:
    """Return what `ProductCardOutput` describes."""
    return {
        "id": product.pk,
        "title": product.title,
        "price": product.price,
        "currency": product.currency,
        "thumbnail_url": product.thumbnail_url,
        "status": product.status,
    }
