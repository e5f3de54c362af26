"""Demo offers."""

from collections import Counter

import pytest

from accounts.tests.factories import make_seller, make_staff, make_user
from listings.tests.factories import make_product
from offers.demo import seed_offers
from offers.models import Offer, Transaction
from offers.tests.conftest import all_rows
from offers.tests.consistency import assert_offers_consistent

pytestmark = pytest.mark.django_db


def test_demo_offers_have_several_statuses_and_are_added_once() -> None:
    people = [make_user(), make_seller(), make_user(), make_staff()]
    products = [make_product(seller=people[1]) for _ in range(7)]
    assert len(seed_offers(people, products)) == 5
    statuses = Counter(Offer.objects.values_list("status", flat=True))
    assert statuses == {"pending": 3, "countered": 1, "accepted": 1, "declined": 1}
    assert Transaction.objects.get().price == 748
    before = all_rows()
    assert seed_offers(people, products) == []
    assert all_rows() == before
    for product in products:
        assert_offers_consistent(product)


def test_demo_without_buyers_or_products_has_no_offers() -> None:
    assert seed_offers([make_seller()], [make_product()]) == []
    assert seed_offers([make_user()], []) == []
