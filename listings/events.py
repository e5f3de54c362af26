"""The events of people who watch a product, and of sellers whose videos are processed."""

from rest_framework import serializers

from listings.models import VideoUpload
from listings.serializers.videos import VideoProgressOutput, video_progress_payload
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
