"""The rooms of products, whose members watch a product."""

from uuid import UUID

from soukloop.realtime.rooms import declare_room_kind

PRODUCT_ROOMS = declare_room_kind("product", "everyone who watches the product")


def product_room(product_id: UUID | str) -> str:
    return PRODUCT_ROOMS.room(product_id)
