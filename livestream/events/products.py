"""The events of the products in a stream."""

from uuid import UUID

from django.conf import settings
from rest_framework import serializers

from livestream.events.examples import EXAMPLE_PRODUCT_ID, EXAMPLE_STREAM_ID
from livestream.models import ProductTag
from livestream.rooms import stream_room
from soukloop.core.images import CamelPictureOutput, picture_at, picture_payload
from soukloop.realtime.events import EventSpec, declare_event, publish_on_commit


class ProductTaggedOutput(serializers.Serializer[None]):
    streamId = serializers.UUIDField()
    productId = serializers.UUIDField()
    title = serializers.CharField()
    price = serializers.FloatField()
    currency = serializers.ChoiceField(choices=settings.CURRENCIES)
    thumbnailUrl = serializers.URLField(allow_null=True)
    image = CamelPictureOutput(allow_null=True)
    x = serializers.FloatField(min_value=0, max_value=1)
    y = serializers.FloatField(min_value=0, max_value=1)
    timestampSeconds = serializers.IntegerField(min_value=0, help_text="Since the stream started")


class ProductUntaggedOutput(serializers.Serializer[None]):
    streamId = serializers.UUIDField()
    productId = serializers.UUIDField()
    reason = serializers.ChoiceField(choices=["removed", "sold", "hidden", "deleted"])


PRODUCT_TAGGED = declare_event(
    EventSpec(
        name="product:tagged",
        doc="A product was tagged in the video, at `x` and `y` from 0 to 1 from the top left corner.",
        output=ProductTaggedOutput,
        example={
            "streamId": EXAMPLE_STREAM_ID,
            "productId": EXAMPLE_PRODUCT_ID,
            "title": "Nike Air Jordan 1",
            "price": 850.00,
            "currency": "AED",
            "thumbnailUrl": "https://example.com/image1.jpg",
            "image": {
                "url": "https://example.com/image1.jpg",
                "width": None,
                "height": None,
                "blurhash": None,
                "sizes": [],
            },
            "x": 0.42,
            "y": 0.63,
            "timestampSeconds": 120,
        },
        rooms=("stream",),
        for_guests=True,
    )
)
PRODUCT_UNTAGGED = declare_event(
    EventSpec(
        name="product:untagged",
        doc="A product was removed from the stream. `reason` is removed, sold, hidden or deleted.",
        output=ProductUntaggedOutput,
        example={"streamId": EXAMPLE_STREAM_ID, "productId": EXAMPLE_PRODUCT_ID, "reason": "removed"},
        rooms=("stream",),
        for_guests=True,
    )
)


def publish_product_tagged(tag: ProductTag) -> None:
    stream_product = tag.stream_product
    payload = {
        "streamId": stream_product.stream_id,
        "productId": stream_product.product_id,
        "title": stream_product.product.title,
        "price": stream_product.product.price,
        "currency": stream_product.product.currency,
        "thumbnailUrl": stream_product.product.thumbnail_url or None,
        "image": picture_payload(picture_at(stream_product.product.image_url)),
        "x": tag.x,
        "y": tag.y,
        "timestampSeconds": tag.timestamp_seconds,
    }
    publish_on_commit(stream_room(stream_product.stream_id), PRODUCT_TAGGED.name, payload)


def publish_product_untagged(stream_id: UUID, product_id: UUID, reason: str) -> None:
    payload = {"streamId": stream_id, "productId": product_id, "reason": reason}
    publish_on_commit(stream_room(stream_id), PRODUCT_UNTAGGED.name, payload)
