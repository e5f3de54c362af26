"""Demo orders."""

import pytest

from accounts.tests.factories import make_seller, make_user
from listings.tests.factories import make_product
from orders.demo import seed_orders

pytestmark = pytest.mark.django_db


def test_demo_orders_are_in_several_states_and_made_once() -> None:
    seller, buyer = make_seller(), make_user()
    products = [make_product(seller=seller) for _ in range(6)]
    orders = seed_orders([seller, buyer], products)
    for order in orders:
        order.refresh_from_db()
    assert [order.state for order in orders] == ["authorised", "handed_over", "completed", "cancelled"]
    assert seed_orders([seller, buyer], products) == []
