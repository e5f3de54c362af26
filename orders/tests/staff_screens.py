"""The admin screens of orders, each with a factory of its rows."""

from orders.models import Dispute, Order, Review
from orders.services.reviews import write_review
from orders.tests.dispute_factories import make_dispute
from orders.tests.factories import make_order

State = Order.State


def make_disputed_order() -> Order:
    return make_dispute().order


def make_review() -> Review:
    order = make_order(state=State.COMPLETED)
    return write_review(actor=order.buyer, order_id=order.pk, rating=4, text="Quick and friendly")


SCREENS = {Order: make_disputed_order, Dispute: make_dispute, Review: make_review}
