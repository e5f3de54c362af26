"""Demo products."""

import pytest

from accounts.demo import seed_people
from listings.demo import seed_products
from listings.models import Product

pytestmark = pytest.mark.django_db


def test_demo_products_are_added_once_to_both_feeds() -> None:
    people = seed_people()
    first = seed_products(people)
    assert {product.feed_type for product in first} == {"community", "discover"}
    assert seed_products(people) == first
    assert Product.objects.count() == len(first) == 12
