"""Rows on which each task of orders has something to do, for `soukloop/tests/test_tasks_twice.py`."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.services.moderation import ban_user
from accounts.tests.factories import make_seller, make_staff
from listings.tests.factories import make_product
from orders.models import Order
from orders.tests.factories import make_order

Arguments = dict[str, Any]
PERIODIC: Arguments = {"timestamp": 0}
LONG_AGO = timedelta(days=30)


def unpaid() -> Arguments:
    make_order(payment_method="card")
    Order.objects.update(expires_at=timezone.now() - LONG_AGO)
    return PERIODIC


def handed_over() -> Arguments:
    make_order(state="handed_over")
    Order.objects.update(completes_at=timezone.now() - LONG_AGO)
    return PERIODIC


def unsent() -> Arguments:
    make_order(payment_method="card", state="paid")
    Order.objects.update(paid_at=timezone.now() - LONG_AGO)
    return PERIODIC


def not_met() -> Arguments:
    make_order()
    Order.objects.update(authorised_at=timezone.now() - LONG_AGO)
    return PERIODIC


def banned_seller() -> Arguments:
    seller = make_seller()
    make_order(make_product(seller=seller))
    ban_user(actor=make_staff(), user_id=seller.pk, reason="Fakes")
    return {"user_id": str(seller.pk)}


SCENES: dict[str, Callable[[], Arguments]] = {
    "orders.ask_about_meetings": not_met,
    "orders.cancel_unsent": unsent,
    "orders.close_for_person": banned_seller,
    "orders.complete_due": handed_over,
    "orders.expire_due": unpaid,
}
CHANGING = frozenset(SCENES)
