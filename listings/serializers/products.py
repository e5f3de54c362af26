"""Request and response shapes of a product."""

from typing import Any

from django.apps import apps
from django.conf import settings
from rest_framework import serializers

from accounts.models import User
from accounts.serializers.people import PersonCardOutput, RatingOutput, person_card_body, rating_body
from listings.labels import condition_label, distance_fields
from listings.models import Product
from listings.selectors.product_page import NO_DETAILS, ViewerDetails
from listings.serializers.fields import CategoryField, PictureAddressField, TagField, WebAddressField
from soukloop.core.http.fields import LocationField, PlainTextField, location_body
from soukloop.core.images import PictureOutput, picture_at
from soukloop.core.money import PRICE_DISPLAY, PriceField, price_display


class ProductInput(serializers.Serializer[Any]):
    """A product as its seller sends it. Rules about several fields are checked by the service."""

    title = PlainTextField(max_length=200)
    description = PlainTextField(has_lines=True, max_length=5000, required=False, allow_blank=True)
    price = PriceField()
    currency = serializers.ChoiceField(choices=settings.CURRENCIES, required=False)
    category = CategoryField()
    condition = serializers.ChoiceField(choices=Product.Condition.choices)
    feed_type = serializers.ChoiceField(choices=Product.FeedType.choices)
    location = LocationField(required=False, allow_null=True)
    neighborhood = PlainTextField(max_length=100, required=False, allow_blank=True)
    image_urls = serializers.ListField(
        child=PictureAddressField(), max_length=settings.PRODUCT_IMAGES_MAX, required=False
    )
    video_url = WebAddressField(required=False, allow_blank=True, allow_null=True)
    video_thumbnail_url = PictureAddressField(required=False, allow_blank=True, allow_null=True)
    tags = serializers.ListField(
        child=TagField(max_length=40), max_length=settings.PRODUCT_TAGS_MAX, required=False
    )
    accepts_offers = serializers.BooleanField(required=False)
    min_offer_price = PriceField(
        required=False, allow_null=True, help_text="Lower offers are declined; only the seller sees it"
    )
    auto_accept_price = PriceField(
        required=False,
        allow_null=True,
        help_text="Offers of at least this are accepted at once; only the seller sees it",
    )

    def validate_video_url(self, value: str | None) -> str:
        return value or ""

    def validate_video_thumbnail_url(self, value: str | None) -> str:
        return value or ""

    def validate_tags(self, value: list[str]) -> list[str]:
        return [tag for tag in dict.fromkeys(value) if tag]


class ProductChangesInput(ProductInput):
    """The fields of a product that change."""

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        for field in fields.values():
            field.required = False
        return fields


class SellerOutput(PersonCardOutput):
    username = serializers.CharField(help_text="With a leading @")
    rating = RatingOutput()


class CardOutput(serializers.Serializer[Any]):
    """A product in a list."""

    id = serializers.UUIDField()
    title = serializers.CharField()
    price = serializers.FloatField()
    price_display = serializers.CharField(help_text=PRICE_DISPLAY)
    currency = serializers.ChoiceField(choices=settings.CURRENCIES)
    category = serializers.CharField()
    condition = serializers.ChoiceField(choices=Product.Condition.choices)
    condition_label = serializers.CharField(help_text="The condition in words, in the language of the answer")
    feed_type = serializers.ChoiceField(choices=Product.FeedType.choices)
    status = serializers.ChoiceField(choices=Product.Status.choices)
    neighborhood = serializers.CharField()
    thumbnail_url = serializers.CharField(allow_null=True)
    image = PictureOutput(allow_null=True, help_text="The first image, or the video's thumbnail")
    video_url = serializers.CharField(allow_null=True)
    is_live = serializers.BooleanField()
    live_stream_id = serializers.UUIDField(allow_null=True)
    accepts_offers = serializers.BooleanField()
    favorite_count = serializers.IntegerField()
    view_count = serializers.IntegerField()
    is_favorite = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    seller = SellerOutput()
    distance_km = serializers.FloatField(required=False, help_text="If the request contains a place")
    distance_label = serializers.CharField(required=False)


class ProductSellerOutput(SellerOutput):
    has_verified_badge = serializers.BooleanField()
    is_following = serializers.BooleanField(help_text="Whether you follow the seller")


class MyConversationOutput(serializers.Serializer[Any]):
    """Your conversation with the seller about a product."""

    id = serializers.UUIDField()
    unread_count = serializers.IntegerField()


class MyOfferOutput(serializers.Serializer[Any]):
    """The open offer between you and the seller."""

    id = serializers.UUIDField()
    offered_price = serializers.FloatField()
    offered_price_display = serializers.CharField(help_text=PRICE_DISPLAY)
    currency = serializers.ChoiceField(choices=settings.CURRENCIES)
    is_mine = serializers.BooleanField(help_text="False if it is the seller's counter-offer")
    expires_at = serializers.DateTimeField()


class OrderChoiceField(serializers.ChoiceField):
    """A way of paying or delivering an order, whose app is above this one and loaded after it."""

    def __init__(self, field: str, **kwargs: Any) -> None:
        described: Any = apps.get_model("orders", "Order")._meta.get_field(field)
        super().__init__(choices=described.choices, **kwargs)


class BuyingOutput(serializers.Serializer[Any]):
    """Whether and how you can buy a product at its price."""

    can_buy = serializers.BooleanField()
    reason = serializers.CharField(
        allow_null=True,
        help_text="Why not: product_reserved, product_not_available or seller_not_available",
    )
    payment_methods = serializers.ListField(child=serializers.CharField())
    deliveries = serializers.ListField(child=serializers.CharField())
    order_id = serializers.UUIDField(allow_null=True, help_text="Your open order of it")

    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().get_fields()
        for name, of in (("payment_methods", "payment_method"), ("deliveries", "delivery")):
            fields[name] = serializers.ListField(child=OrderChoiceField(of))
        return fields


class ProductOutput(CardOutput):
    """A product with all its fields. Only its seller receives the last four."""

    seller = ProductSellerOutput()
    my_conversation = MyConversationOutput(
        allow_null=True, help_text="Null before you have opened one, for the seller and for guests"
    )
    my_offer = MyOfferOutput(allow_null=True, help_text="Null while none is open, for the seller and guests")
    buying = BuyingOutput(allow_null=True, help_text="Null for the seller and for guests")
    description = serializers.CharField()
    image_urls = serializers.ListField(child=serializers.CharField())
    images = PictureOutput(many=True, help_text="Those of `image_urls`, in the same order")
    video_thumbnail_url = serializers.CharField(allow_null=True)
    tags = serializers.ListField(child=serializers.CharField())
    platform_fee = serializers.FloatField()
    seller_payout = serializers.FloatField()
    is_available = serializers.BooleanField()
    sold_at = serializers.DateTimeField(allow_null=True)
    updated_at = serializers.DateTimeField()
    location = LocationField(required=False, allow_null=True)
    min_offer_price = serializers.FloatField(required=False, allow_null=True)
    auto_accept_price = serializers.FloatField(required=False, allow_null=True)
    hidden_reason = serializers.CharField(required=False)


class FavoriteOutput(serializers.Serializer[Any]):
    product_id = serializers.UUIDField()
    is_favorite = serializers.BooleanField()
    favorite_count = serializers.IntegerField()


class ProductCardOutput(serializers.Serializer[Any]):
    """A short form of a product, in conversations and offers."""

    id = serializers.UUIDField()
    title = serializers.CharField()
    price = serializers.FloatField()
    price_display = serializers.CharField(help_text=PRICE_DISPLAY)
    currency = serializers.ChoiceField(choices=settings.CURRENCIES)
    thumbnail_url = serializers.URLField(allow_null=True)
    image = PictureOutput(allow_null=True)
    status = serializers.ChoiceField(choices=Product.Status.choices)


def product_card(product: Product) -> dict[str, Any]:
    """Return a product as `ProductCardOutput`."""
    return {
        "id": product.pk,
        "title": product.title,
        "price": product.price,
        "price_display": price_display(product.price, product.currency),
        "currency": product.currency,
        "thumbnail_url": product.thumbnail_url or None,
        "image": picture_at(product.image_url),
        "status": product.status,
    }


def product_body(
    product: Product, viewer: User | None, details: ViewerDetails = NO_DETAILS
) -> dict[str, Any]:
    """Return a product as `ProductOutput` for this viewer; its seller must be loaded."""
    seller = product.seller
    body: dict[str, Any] = {
        "id": product.pk,
        "title": product.title,
        "description": product.description,
        "price": product.price,
        "price_display": price_display(product.price, product.currency),
        "currency": product.currency,
        "category": product.category_id,
        "condition": product.condition,
        "condition_label": condition_label(product.condition),
        "feed_type": product.feed_type,
        "status": product.status,
        "is_available": product.is_available,
        "platform_fee": product.platform_fee,
        "seller_payout": product.seller_payout,
        "neighborhood": product.neighborhood,
        "image_urls": product.image_urls,
        "images": [picture_at(url) for url in product.image_urls],
        "image": picture_at(product.image_url),
        "thumbnail_url": product.thumbnail_url or None,
        "video_url": product.video_url or None,
        "video_thumbnail_url": product.video_thumbnail_url or None,
        "tags": product.tags,
        "is_live": product.is_live,
        "live_stream_id": product.live_stream_id,
        "accepts_offers": product.accepts_offers,
        "favorite_count": product.favorite_count,
        "view_count": product.view_count,
        "is_favorite": details.is_favorite,
        "created_at": product.created_at,
        "updated_at": product.updated_at,
        "sold_at": product.sold_at,
        "seller": person_card_body(
            user_id=seller.pk,
            username=f"@{seller.username}",
            avatar=seller.avatar,
            is_verified=seller.is_verified,
        )
        | {
            "rating": rating_body(seller.rating_sum, seller.rating_count),
            "has_verified_badge": seller.has_verified_badge,
            "is_following": details.is_following,
        },
        **details.dealings,
    }
    if details.metres is not None:
        body |= distance_fields(details.metres)
    if viewer is not None and viewer.pk == product.seller_id:
        location = product.location
        body |= {
            "location": location and location_body(location),
            "min_offer_price": product.min_offer_price,
            "auto_accept_price": product.auto_accept_price,
            "hidden_reason": product.hidden_reason,
        }
    return body
