"""Reads of a person's orders and sales."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from accounts.models import User
from orders import access
from orders.models import Order, OrderEvent, OrderQuerySet

BUYER, SELLER = "buyer", "seller"


def orders_of(
    user: User, side: str, *, now: datetime, state: str | None = None, product_id: UUID | None = None
) -> OrderQuerySet:
    """Return what a person bought, or sold, newest first; `state` is compared with that at `now`."""
    orders = access.orders_of(user).filter(**{side: user})
    if state is not None:
        orders = orders.in_state(state, now)
    if product_id is not None:
        orders = orders.filter(product_id=product_id)
    return orders.order_by("-created_at", "-id")


def timeline_of(order: Order) -> Sequence[OrderEvent]:
    """Return what happened to an order, oldest first."""
    return list(OrderEvent.objects.filter(order=order).order_by("id"))
