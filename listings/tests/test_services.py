"""Services of products."""

from decimal import Decimal
from typing import Any

import pytest

from accounts.tests.factories import make_seller, make_staff, make_user
from listings import services
from listings.access import product_visible_to
from listings.models import Category, Product
from listings.services import active_limit
from listings.tests.factories import DUBAI_MARINA, make_product
from notifications.models import Notification
from soukloop.core.errors import Conflict, Forbidden, NotFound

pytestmark = pytest.mark.django_db


def product_fields(**overrides: Any) -> Any:
    """Return arguments for `create_product`."""
    return {
        "title": "Nike Air Jordan 1 Retro High",
        "price": Decimal("850.00"),
        "category": Category.objects.get(pk="sneakers"),
        "condition": "new",
        "feed_type": "community",
        "location": DUBAI_MARINA,
    } | overrides


def test_community_product_pays_five_percent_and_keeps_its_location() -> None:
    product = services.create_product(actor=make_seller(), **product_fields())
    product.refresh_from_db()
    assert (product.platform_fee, product.seller_payout) == (Decimal("42.50"), Decimal("807.50"))
    assert product.location is not None
    assert product.location.coords == DUBAI_MARINA.coords


def test_buyer_cannot_create_products() -> None:
    with pytest.raises(Forbidden) as refusal:
        services.create_product(actor=make_user(), **product_fields())
    assert refusal.value.code == "sellers_only"
    assert not Product.objects.exists()


def test_product_is_sold_once_and_put_back_once() -> None:
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


def at_the_limit(settings: Any) -> Any:
    """Return a seller with as many active products as allowed, and one of these products."""
    settings.ACTIVE_PRODUCTS_MAX = 2
    seller = make_seller()
    first, _ = make_product(seller=seller), make_product(seller=seller)
    return seller, first


def test_restoring_above_the_limit_is_refused_and_changes_nothing(settings: Any) -> None:
    seller, product = at_the_limit(settings)
    staff = make_staff()
    services.hide_product(actor=staff, product_id=product.pk, reason="Counterfeit?")
    services.create_product(actor=seller, **product_fields())
    with pytest.raises(Conflict) as refusal:
        services.restore_product(actor=staff, product_id=product.pk, reason="Papers shown")
    assert refusal.value.code == "active_products_limit"
    product.refresh_from_db()
    assert (product.status, product.hidden_reason) == ("hidden", "Counterfeit?")
    services.delete_product(actor=seller, product_id=Product.objects.filter(status="active")[0].pk)
    services.restore_product(actor=staff, product_id=product.pk, reason="Papers shown")
    product.refresh_from_db()
    assert product.status == "active"


def test_sold_product_can_be_restored_at_the_limit(settings: Any) -> None:
    seller, product = at_the_limit(settings)
    staff = make_staff()
    services.mark_sold(product=product)
    services.hide_product(actor=staff, product_id=product.pk, reason="Counterfeit?")
    services.create_product(actor=seller, **product_fields())
    services.restore_product(actor=staff, product_id=product.pk, reason="Papers shown")
    product.refresh_from_db()
    assert product.status == "sold"


def test_product_of_a_cancelled_sale_waits_while_its_seller_is_at_the_limit(settings: Any) -> None:
    seller, product = at_the_limit(settings)
    services.mark_sold(product=product)
    replacement = services.create_product(actor=seller, **product_fields())
    services.put_back_on_sale(product=product)
    product.refresh_from_db()
    assert (product.status, product.sold_at) == ("inactive", None)
    assert Product.objects.listed().filter(seller=seller).count() == 2
    with pytest.raises(Conflict):
        services.create_product(actor=seller, **product_fields())
    with pytest.raises(NotFound):
        product_visible_to(make_user(), product.pk)
    assert active_limit.put_waiting_products_on_sale() == 0

    services.delete_product(actor=seller, product_id=replacement.pk)
    assert active_limit.put_waiting_products_on_sale() == 1
    assert active_limit.put_waiting_products_on_sale() == 0
    product.refresh_from_db()
    assert product.status == "active"
    assert Notification.objects.get(user=seller).kind == "product_on_sale_again"


def test_waiting_product_can_be_changed_and_deleted_by_its_seller(settings: Any) -> None:
    seller, product = at_the_limit(settings)
    Product.objects.filter(pk=product.pk).update(status="inactive")
    services.create_product(actor=seller, **product_fields())
    services.update_product(actor=seller, product_id=product.pk, changes={"title": "Cheaper now"})
    product.refresh_from_db()
    assert (product.title, product.status) == ("Cheaper now", "inactive")
    services.delete_product(actor=seller, product_id=product.pk)
    assert active_limit.put_waiting_products_on_sale() == 0


def test_waiting_product_that_was_hidden_and_restored_needs_room(settings: Any) -> None:
    seller, product = at_the_limit(settings)
    staff = make_staff()
    Product.objects.filter(pk=product.pk).update(status="inactive")
    services.hide_product(actor=staff, product_id=product.pk, reason="Counterfeit?")
    services.create_product(actor=seller, **product_fields())
    with pytest.raises(Conflict):
        services.restore_product(actor=staff, product_id=product.pk, reason="Papers shown")


def test_only_as_many_waiting_products_return_as_there_is_room_for(settings: Any) -> None:
    settings.ACTIVE_PRODUCTS_MAX = 3
    seller, other = make_seller(), make_seller()
    make_product(seller=seller)
    for _ in range(4):
        make_product(seller=seller, status="inactive")
    make_product(seller=other, status="inactive")
    assert active_limit.put_waiting_products_on_sale() == 3
    assert seller.products.filter(status="active").count() == 3
    assert other.products.filter(status="active").count() == 1


def test_product_that_was_sold_and_then_hidden_cannot_be_changed() -> None:
    product = make_product()
    services.mark_sold(product=product)
    services.hide_product(actor=make_staff(), product_id=product.pk, reason="Counterfeit?")
    with pytest.raises(Conflict) as refusal:
        services.update_product(
            actor=product.seller, product_id=product.pk, changes={"feed_type": "community"}
        )
    assert refusal.value.code == "product_sold"
