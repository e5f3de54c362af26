"""The events of people who watch a product."""

from soukloop.realtime.events import EventSpec, declare_event

PRODUCT_LEFT = declare_event(
    EventSpec(
        name="product:left",
        doc="You may no longer see this product and were removed from its room. `reason` is the error code"
        " that you would get for joining again: product_not_found.",
        example={"productId": "0b4f4e9e-2a86-4c0f-9a8e-d0a3a4f1c7aa", "reason": "product_not_found"},
        rooms=(),
    )
)
