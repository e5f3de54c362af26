"""The events of people who watch a product."""

from rest_framework import serializers

from soukloop.realtime.events import EventSpec, declare_event


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
