"""The demo's offers."""

from collections import Counter

import pytest

from accounts.tests.factories import make_seller, make_staff, make_user
from listings.tests.factories import make_product
from offers.demo import seed_offers
from offers.models import Offer, Transaction
from offers.tests.conftest import snapshot
from offers.tests.rush import check_books

pytestmark = pytest.mark.django_db


def test_the_demo_has_offers_in_several_states_and_seeding_twice_adds_none() -> None:
    people = [make_user(), make_seller(), make_user(), make_staff()]
    products = [make_product(seller=people[1]) for _ in range(7)]
    assert len(seed_offers(people, products)) == 5
    statuses = Counter(Offer.objects.values_list("status", flat=True))
    assert statuses == {"pending": 3, "countered": 1, "accepted": 1, "declined": 1}
    assert Transaction.objects.get().price == 748
    before = snapshot()
    assert seed_offers(people, products) == []
    assert snapshot() == before
    for product in products:
        check_books(product)


def test_a_demo_without_buyers_or_products_has_no_offers() -> None:
    assert seed_offers([make_seller()], [make_product()]) == []
    assert seed_offers([make_user()], []) == []
