"""What the services of listings do to rows."""

from decimal import Decimal

import pytest

from accounts.tests.factories import make_seller, make_user
from listings import services
from listings.models import Category, Product
from listings.tests.factories import DUBAI_MARINA, make_product
from soukloop.core.errors import Conflict, Forbidden

pytestmark = pytest.mark.django_db


def jordans(**overrides):
    return {
        "title": "Nike Air Jordan 1 Retro High",
        "price": Decimal("850.00"),
        "category": Category.objects.get(pk="sneakers"),
        "condition": "new",
        "feed_type": "community",
        "location": DUBAI_MARINA,
    } | overrides


def test_community_product_pays_five_percent_and_keeps_its_point():
    product = services.create_product(actor=make_seller(), **jordans())
    product.refresh_from_db()
    assert (product.platform_fee, product.seller_payout) == (Decimal("42.50"), Decimal("807.50"))
    assert product.location is not None
    assert product.location.coords == DUBAI_MARINA.coords


def test_buyer_may_not_list_and_nothing_is_saved():
    with pytest.raises(Forbidden) as refusal:
        services.create_product(actor=make_user(), **jordans())
    assert refusal.value.code == "sellers_only"
    assert not Product.objects.exists()


def test_product_is_sold_once_and_put_back_once():
    product = make_product()
    services.mark_sold(product=product)
    with pytest.raises(Conflict):
        services.mark_sold(product=product)
    services.put_back_on_sale(product=product)
    with pytest.raises(Conflict):
        services.put_back_on_sale(product=product)
    product.refresh_from_db()
    assert product.status == "active"
    assert product.sold_at is None
