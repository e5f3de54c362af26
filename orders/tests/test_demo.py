"""Demo orders."""

import pytest

from accounts.demo import seed_people
from accounts.tests.factories import make_seller, make_user
from listings import demo as listings_demo
from listings.tests.factories import make_product
from orders import demo
from orders.demo import seed_orders
from orders.models import Order

pytestmark = pytest.mark.django_db


def test_demo_orders_are_in_several_states_and_made_once() -> None:
    seller, buyer = make_seller(), make_user()
    products = [make_product(seller=seller) for _ in range(6)]
    orders = seed_orders([seller, buyer], products)
    for order in orders:
        order.refresh_from_db()
    assert [order.state for order in orders] == ["authorised", "handed_over", "completed", "cancelled"]
    assert seed_orders([seller, buyer], products) == []


def test_the_demo_says_who_may_hand_over_a_product() -> None:
    seed_people()
    listings_demo.seed()
    [hint] = demo.seed()
    order = Order.objects.get(state="authorised")
    assert f"{order.buyer.username} has bought from {order.seller.username}" in hint
    assert str(order.pk) in hint
    assert (list(demo.seed()), Order.objects.count()) == ([hint], 4)
