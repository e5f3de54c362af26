"""People who watch a product over a socket: removing those who may no longer see it."""

from uuid import UUID

from accounts.models import User
from listings.models import Product
from listings.rooms import PRODUCT_ROOMS, product_room
from soukloop.realtime.rooms import user_room
from soukloop.realtime.sessions import check_rooms_on_commit


def remove_blocked_watchers(blocker_id: UUID, blocked_id: UUID) -> None:
    """Remove each of two people from the rooms of the other's products."""
    for user_id in (blocker_id, blocked_id):
        check_rooms_on_commit(user_room(user_id), PRODUCT_ROOMS.name)


def remove_watchers(product: Product, reason: str) -> None:
    """Remove people from the room of a product that was withdrawn."""
    check_rooms_on_commit(product_room(product.pk), PRODUCT_ROOMS.name)


def remove_watchers_of_seller(seller: User) -> None:
    """Remove people from the rooms of the products of a seller whose account is closed."""
    offered = Product.objects.filter(
        seller=seller, status__in=[Product.Status.ACTIVE, Product.Status.RESERVED]
    )
    for product in offered:
        remove_watchers(product, "seller_closed")
