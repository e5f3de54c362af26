"""What a product keeps from before it is bought: the feed it was in, and earlier orders of it."""

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.conf import settings
from django.utils import timezone

from accounts.models import User
from accounts.tests.factories import make_user
from listings.models import Product
from listings.services import update_product
from listings.tests.factories import make_product
from notifications.models import Notification
from offers.tests.factories import make_sale
from orders.selectors import buying_options
from orders.services import buying, closing
from orders.tests.factories import make_order, take_to
from payments.selectors import latest_payment
from soukloop.core.errors import Conflict

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


def refusal(buyer: User, product: Product) -> str:
    with pytest.raises(Conflict) as refused:
        make_order(product, buyer=buyer)
    return refused.value.code


def test_the_next_buyer_gets_what_was_not_paid_in_time_before_the_job_has_run() -> None:
    order, buyer, late = make_order(payment_method="card"), make_user(), make_user()
    product = order.product
    assert refusal(buyer, product) == "product_reserved"
    product.refresh_from_db()
    assert buying_options(buyer, product)["buying"]["can_buy"] is False
    with time_machine.travel(timezone.now() + settings.ORDER_BUY_NOW_RESERVED_FOR):
        assert buying_options(buyer, product)["buying"]["can_buy"] is True
        bought = make_order(product, buyer=buyer)
        assert refusal(late, product) == "product_reserved"
        assert buying.expire_due_orders() == 0
    order.refresh_from_db()
    product.refresh_from_db()
    given_up = latest_payment(order.pk)
    assert given_up is not None
    assert given_up.cancel_asked_at is not None
    assert (order.state, bought.state, product.status) == ("expired", "authorised", "reserved")
    assert Notification.objects.filter(user=order.buyer, kind="order_expired").count() == 1


@pytest.mark.parametrize("is_ordered", [True, False])
def test_what_was_agreed_but_not_paid_in_time_is_bought_by_the_next_before_the_job_has_run(
    is_ordered: bool,
) -> None:
    sale = make_sale()
    if is_ordered:
        make_order(offer=sale.offer, payment_method="card")
    with time_machine.travel(timezone.now() + settings.ORDER_OFFER_RESERVED_FOR):
        bought = make_order(sale.product)
    sale.refresh_from_db()
    assert (sale.status, bought.state) == ("cancelled", "authorised")


def test_a_purchase_that_is_refused_expires_nothing() -> None:
    order = make_order(payment_method="card")
    with time_machine.travel(timezone.now() + settings.ORDER_BUY_NOW_RESERVED_FOR):
        with pytest.raises(Conflict) as refused:
            buying.place_order(
                actor=make_user(),
                product_id=order.product_id,
                payment_method="in_person",
                delivery="meet_up",
                expected_price=order.product.price + 1,
            )
        assert refused.value.code == "price_changed"
        order.refresh_from_db()
        assert order.state == "pending_payment"


@pytest.mark.parametrize("state", ["cancelled", "expired"])
def test_a_buyer_who_gave_up_a_product_twice_within_a_day_cannot_buy_it_again_before_the_next(
    state: str,
) -> None:
    product, buyer = make_product(), make_user()
    for _ in range(settings.ORDER_REPEATS_OF_PRODUCT_MAX):
        take_to(make_order(product, buyer=buyer, payment_method="card"), state)
    assert refusal(buyer, product) == "too_many_attempts"
    take_to(make_order(make_product(), buyer=buyer), "cancelled")  # another product
    take_to(make_order(product), "cancelled")  # another buyer
    with time_machine.travel(timezone.now() + timedelta(days=1, seconds=1)):
        assert make_order(product, buyer=buyer).state == "authorised"


def test_what_the_seller_cancelled_is_not_held_against_the_buyer() -> None:
    product, buyer = make_product(), make_user()
    for _ in range(settings.ORDER_REPEATS_OF_PRODUCT_MAX + 1):
        order = make_order(product, buyer=buyer)
        closing.cancel_order(actor=product.seller, order_id=order.pk)
    assert make_order(product, buyer=buyer).state == "authorised"
