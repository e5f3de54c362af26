"""The events of people who watch a product, and of sellers whose videos are processed."""

from rest_framework import serializers

from listings.hooks import rooms_showing
from listings.models import Product, VideoUpload
from listings.serializers.videos import VideoProgressOutput, video_progress_payload
from soukloop.core import jsonlib
from soukloop.core.db.clock import database_now
from soukloop.realtime.events import EventSpec, declare_event, publish_on_commit
from soukloop.realtime.rooms import user_room


class ProductLeftOutput(serializers.Serializer[None]):
    productId = serializers.UUIDField()
    reason = serializers.ChoiceField(choices=["product_not_found"])


PRODUCT_LEFT = declare_event(
    EventSpec(
        name="product:left",
        doc="You may no longer see this product and were removed from its room. `reason` is the error code"
        " that you would get for joining again: product_not_found.",
        output=ProductLeftOutput,
        example={"productId": "0b4f4e9e-2a86-4c0f-9a8e-d0a3a4f1c7aa", "reason": "product_not_found"},
        rooms=(),
    )
)


class ProductAvailabilityOutput(serializers.Serializer[None]):
    productId = serializers.UUIDField()
    streamId = serializers.UUIDField(allow_null=True, help_text="The live stream that shows the product")
    timestamp = serializers.DateTimeField()


_AVAILABILITY_EXAMPLE = {
    "productId": "0b4f4e9e-2a86-4c0f-9a8e-d0a3a4f1c7aa",
    "streamId": None,
    "timestamp": "2025-10-18T10:00:00Z",
}
PRODUCT_RESERVED = declare_event(
    EventSpec(
        name="product:reserved",
        doc="Somebody is buying a product that you watch, or that is shown in a live stream you watch. The"
        " buyer is not named. `product:sold` or `product:available` follows.",
        output=ProductAvailabilityOutput,
        example=_AVAILABILITY_EXAMPLE,
        rooms=("product", "stream"),
        for_guests=True,
    )
)
PRODUCT_AVAILABLE = declare_event(
    EventSpec(
        name="product:available",
        doc="A product is on sale again: it was not paid in time, or its sale was cancelled.",
        output=ProductAvailabilityOutput,
        example=_AVAILABILITY_EXAMPLE,
        rooms=("product", "stream"),
        for_guests=True,
    )
)
VIDEO_PROGRESS = declare_event(
    EventSpec(
        name="video:progress",
        doc="A video that you uploaded is processed further, at most every two seconds, or its `status` has"
        " changed. Once it is `ready`, use `videoUrl` for a product.",
        output=VideoProgressOutput,
        example={
            "videoId": "6f1c3c1e-2a86-4c0f-9a8e-d0a3a4f1c7aa",
            "status": "processing",
            "progress": 40,
            "duration": None,
            "videoUrl": None,
            "thumbnailUrl": None,
            "error": None,
        },
        rooms=("user",),
    )
)


def publish_video_progress(video: VideoUpload) -> None:
    publish_on_commit(user_room(video.owner_id), VIDEO_PROGRESS.name, video_progress_payload(video))


def publish_product_reserved(product: Product) -> None:
    _publish_availability(product, PRODUCT_RESERVED)


def publish_product_available(product: Product) -> None:
    _publish_availability(product, PRODUCT_AVAILABLE)


def _publish_availability(product: Product, spec: EventSpec) -> None:
    data = {
        "productId": product.pk,
        "streamId": product.live_stream_id,
        "timestamp": jsonlib.isoformat(database_now()),
    }
    for room in rooms_showing(product):
        publish_on_commit(room, spec.name, data)
