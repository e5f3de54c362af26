"""What the services of listings do to rows."""

from decimal import Decimal

import pytest

from accounts.tests.factories import make_seller, make_staff, make_user
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


def at_the_limit(settings):
    settings.ACTIVE_PRODUCTS_MAX = 2
    seller = make_seller()
    first, _ = make_product(seller=seller), make_product(seller=seller)
    return seller, first


def test_restoring_passes_no_limit_and_changes_nothing(settings):
    seller, product = at_the_limit(settings)
    staff = make_staff()
    services.hide_product(actor=staff, product_id=product.pk, reason="Counterfeit?")
    services.create_product(actor=seller, **jordans())
    with pytest.raises(Conflict) as refusal:
        services.restore_product(actor=staff, product_id=product.pk, reason="Papers shown")
    assert refusal.value.code == "active_products_limit"
    product.refresh_from_db()
    assert (product.status, product.hidden_reason) == ("hidden", "Counterfeit?")
    services.delete_product(actor=seller, product_id=Product.objects.filter(status="active")[0].pk)
    services.restore_product(actor=staff, product_id=product.pk, reason="Papers shown")
    product.refresh_from_db()
    assert product.status == "active"


def test_a_sold_product_is_restored_whatever_the_limit(settings):
    seller, product = at_the_limit(settings)
    staff = make_staff()
    services.mark_sold(product=product)
    services.hide_product(actor=staff, product_id=product.pk, reason="Counterfeit?")
    services.create_product(actor=seller, **jordans())
    services.restore_product(actor=staff, product_id=product.pk, reason="Papers shown")
    product.refresh_from_db()
    assert product.status == "sold"


def test_a_cancelled_sale_brings_the_product_back_and_the_next_creation_waits(settings):
    seller, product = at_the_limit(settings)
    services.mark_sold(product=product)
    services.create_product(actor=seller, **jordans())
    services.put_back_on_sale(product=product)
    assert Product.objects.listed().filter(seller=seller).count() == 3
    with pytest.raises(Conflict):
        services.create_product(actor=seller, **jordans())
