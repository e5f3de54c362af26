"""Parcels: sent by the seller, delivered by what the carrier tells or after some time.

What is sent was paid before: sending, sending another number and delivery take no money.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import OperationalError, transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from orders import access, carriers
from orders.error_codes import OrdersErrorCode
from orders.models import Order, OrderQuerySet
from orders.services import timeline
from orders.states import Action, require_allowed, require_side, side_of
from soukloop.core.db.clock import database_now
from soukloop.core.db.release import release_connection
from soukloop.core.errors import Conflict, DomainError, ValidationFailed

logger = logging.getLogger(__name__)
State = Order.State


def ship_order(*, actor: User, order_id: UUID, carrier: str, tracking_number: str) -> Order:
    """Tell the buyer that the parcel is on its way; sent again with another number, correct it.

    A parcel that was split has the number of its last part. Raises NotFound, ValidationFailed for a number
    that the carrier can't have, Forbidden (`not_the_seller`), and Conflict (`order_…`, `order_not_shipped`).
    """
    number = carriers.normalize_number(tracking_number)
    if not carriers.is_number_of(carrier, number):
        message = _("This is no tracking number of this carrier.")
        raise ValidationFailed(details={"tracking_number": [message]})
    with transaction.atomic():
        order = access.lock_order_of(actor, order_id)
        require_side(Action.SHIP, side_of(order, actor))
        if order.delivery != Order.Delivery.SHIPPING:
            raise Conflict(
                _("This order is handed over in person: enter the code that the buyer shows."),
                code=OrdersErrorCode.ORDER_NOT_SHIPPED,
            )
        now = database_now()
        is_correction = order.state == State.SHIPPED
        if is_correction and (order.carrier, order.tracking_number) == (carrier, number):
            return order
        if not is_correction:
            require_allowed(Action.SHIP, order.state_at(now), side_of(order, actor))
        sent = {"carrier": carrier, "tracking_number": number}
        order.carrier, order.tracking_number = carrier, number
        if is_correction:
            order.save(update_fields=["carrier", "tracking_number"])
            timeline.record(order, "tracking_corrected", actor=actor, now=now, data=sent)
        else:
            timeline.move(order, State.SHIPPED, what="shipped", actor=actor, now=now, data=sent)
        return order


def track_parcels() -> int:
    """Ask the carriers about the parcels that are on their way; return how many were delivered."""
    if not settings.CARRIER_STATUS_URL:
        return 0
    on_their_way = Order.objects.filter(state=State.SHIPPED).exclude(carrier=carriers.OTHER)
    sent = list(on_their_way.order_by("pk").values_list("pk", "carrier", "tracking_number"))
    delivered = 0
    for order_id, carrier, number in sent:
        release_connection()  # the carrier may take its time
        if carriers.fetch_is_delivered(carrier, number):
            unchanged = on_their_way.filter(pk=order_id, tracking_number=number)
            delivered += _each(unchanged, lambda order, now: _deliver(order, "delivered", now))
    return delivered


def assume_delivered() -> int:
    """Count parcels as delivered of which nothing was heard for ORDER_ASSUMED_DELIVERED_AFTER.

    Return how many.
    """
    long_ago = database_now() - settings.ORDER_ASSUMED_DELIVERED_AFTER
    silent = Order.objects.filter(state=State.SHIPPED, shipped_at__lte=long_ago)
    return _each(silent, lambda order, now: _deliver(order, "assumed_delivered", now))


def _deliver(order: Order, what: str, now: datetime) -> None:
    """Mark a locked order as delivered; the time for complaints begins."""
    timeline.move(order, State.DELIVERED, what=what, actor=None, now=now)


def _each(orders: OrderQuerySet, act: Callable[[Order, datetime], None]) -> int:
    """Call `act` on each of these orders, locked, that still belongs to them; return how many."""
    done = 0
    for order_id in orders.order_by("pk").values_list("pk", flat=True):
        try:
            with transaction.atomic():
                order = access.lock_order(order_id)
                if orders.filter(pk=order_id).exists():
                    act(order, database_now())
                    done += 1
        except (DomainError, OperationalError):
            logger.exception("delivering order %s failed", order_id)
    return done
