"""What happens when everything arrives at once: real transactions, real threads."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from accounts.tests.factories import make_seller
from listings import services
from listings.models import Category, Product
from listings.tests.factories import make_product
from listings.tests.test_services import jordans
from soukloop.core.errors import Conflict

pytestmark = pytest.mark.django_db(transaction=True)


def test_parallel_creations_stop_at_fifty_active_products():
    seller = make_seller()
    for _ in range(45):
        make_product(seller=seller)
    fields = jordans()

    def create(_):
        try:
            services.create_product(actor=seller, **fields)
        except Conflict as refusal:
            return refusal.code
        finally:
            connection.close()
        return "created"

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(create, range(40)))
    assert answers.count("created") == 5
    assert answers.count("active_products_limit") == 35
    assert Product.objects.filter(seller=seller).count() == 50


def test_categories_are_there_after_other_transactional_tests():
    assert Category.objects.count() == 12
