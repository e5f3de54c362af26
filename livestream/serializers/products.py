"""Response shapes of the products in a stream."""

from typing import Any

from django.conf import settings
from rest_framework import serializers

from listings.models import Product
from livestream.models import StreamProduct
from soukloop.core.images import CamelPictureOutput, picture_at, picture_payload
from soukloop.core.money import PRICE_DISPLAY, price_display


class StreamProductOutput(serializers.Serializer[None]):
    productId = serializers.UUIDField()
    title = serializers.CharField()
    price = serializers.FloatField()
    priceDisplay = serializers.CharField(help_text=PRICE_DISPLAY)
    currency = serializers.ChoiceField(choices=settings.CURRENCIES)
    thumbnailUrl = serializers.URLField(allow_null=True)
    image = CamelPictureOutput(allow_null=True)
    status = serializers.ChoiceField(choices=Product.Status.choices)
    position = serializers.IntegerField()
    clicks = serializers.IntegerField()
    x = serializers.FloatField(allow_null=True)
    y = serializers.FloatField(allow_null=True)
    timestampSeconds = serializers.IntegerField(allow_null=True)


class ClickOutput(serializers.Serializer[None]):
    productId = serializers.UUIDField()
    clicks = serializers.IntegerField()


def stream_product_body(stream_product: StreamProduct) -> dict[str, Any]:
    product = stream_product.product
    return {
        "productId": product.pk,
        "title": product.title,
        "price": product.price,
        "priceDisplay": price_display(product.price, product.currency),
        "currency": product.currency,
        "thumbnailUrl": product.thumbnail_url or None,
        "image": picture_payload(picture_at(product.image_url)),
        "status": product.status,
        "position": stream_product.position,
        "clicks": stream_product.clicks,
        "x": stream_product.tag_x,
        "y": stream_product.tag_y,
        "timestampSeconds": stream_product.tag_timestamp_seconds,
    }


def click_body(stream_product: StreamProduct) -> dict[str, Any]:
    return {"productId": stream_product.product_id, "clicks": stream_product.clicks}
