"""What a product keeps from before it is bought: the feed it was in, and earlier orders of it."""

from decimal import Decimal

import pytest
import time_machine
from django.conf import settings

from listings.services import update_product
from listings.tests.factories import make_product
from orders.tests.factories import make_order

pytestmark = pytest.mark.django_db


def test_a_product_moved_out_of_discover_is_bought_at_the_fee_of_discover_for_a_week() -> None:
    product, later = (make_product(feed_type="discover", price="1000.00") for _ in range(2))
    for moved in (product, later):
        update_product(actor=moved.seller, product_id=moved.pk, changes={"feed_type": "community"})
        moved.refresh_from_db()
    assert product.platform_fee == Decimal("50.00")
    assert make_order(product).transaction.platform_fee == Decimal("150.00")
    assert later.left_discover_at is not None
    with time_machine.travel(later.left_discover_at + settings.OFFER_FEE_KEPT_FOR, tick=False):
        assert make_order(later).transaction.platform_fee == Decimal("50.00")


def test_only_leaving_discover_is_remembered() -> None:
    product = make_product(video_url="https://example.com/video.m3u8")
    update_product(actor=product.seller, product_id=product.pk, changes={"price": Decimal(700)})
    product.refresh_from_db()
    assert product.left_discover_at is None
    update_product(actor=product.seller, product_id=product.pk, changes={"feed_type": "discover"})
    update_product(actor=product.seller, product_id=product.pk, changes={"price": Decimal(800)})
    product.refresh_from_db()
    assert product.left_discover_at is None
