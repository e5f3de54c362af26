"""Rows on which the tasks about parcels and reviews have something to do, for `test_tasks_twice.py`."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.utils import timezone

from orders.models import Order, Review
from orders.services.reviews import write_review
from orders.tests.address_factories import HOME
from orders.tests.factories import make_order

Arguments = dict[str, Any]
PERIODIC: Arguments = {"timestamp": 0}
LONG_AGO = timedelta(days=30)


def sent_long_ago() -> Arguments:
    make_order(state="handed_over")
    Order.objects.update(
        payment_method="card",
        delivery="shipping",
        shipping_address=HOME,
        state="shipped",
        shipped_at=timezone.now() - LONG_AGO,
        completes_at=None,
    )
    return PERIODIC


def reviewed_long_ago() -> Arguments:
    order = make_order(state="completed")
    write_review(actor=order.buyer, order_id=order.pk, rating=4)
    Review.objects.update(publishes_at=timezone.now() - LONG_AGO)
    return PERIODIC


SCENES: dict[str, Callable[[], Arguments]] = {
    "orders.assume_delivered": sent_long_ago,
    "orders.publish_reviews": reviewed_long_ago,
    "orders.track_parcels": sent_long_ago,
}
CHANGING = frozenset({"orders.assume_delivered", "orders.publish_reviews"})
