"""Fees: fee and payout add up to the price and have two decimals."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given
from hypothesis import strategies as st

from listings.fees import fee_and_payout
from listings.models import Product
from listings.tests.factories import make_product

PRICES = st.decimals("0.01", "9999999.99", places=2, allow_nan=False)


@given(price=PRICES, feed_type=st.sampled_from(Product.FeedType.values))
def test_fee_and_payout_add_up_to_the_price(price: Any, feed_type: Any) -> None:
    fee, payout = fee_and_payout(price, feed_type)
    assert fee + payout == price
    assert fee.as_tuple().exponent == payout.as_tuple().exponent == -2
    assert 0 <= fee <= price
    rate = {"community": Decimal("0.05"), "discover": Decimal("0.15")}[feed_type]
    assert abs(fee - price * rate) <= Decimal("0.005")


@pytest.mark.parametrize(
    ("price", "feed_type", "fee"),
    [
        ("850", "community", "42.50"),
        ("299", "discover", "44.85"),
        ("750", "community", "37.50"),
        ("0.01", "discover", "0.00"),
        ("0.10", "community", "0.01"),  # half a fils is rounded up
        ("0.30", "community", "0.02"),
    ],
)
def test_worked_examples(price: Any, feed_type: Any, fee: Any) -> None:
    assert fee_and_payout(Decimal(price), feed_type)[0] == Decimal(fee)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "broken",
    [
        {"platform_fee": Decimal("42.51")},
        {"price": Decimal(0)},
        {"platform_fee": Decimal(-1), "seller_payout": Decimal(851)},
        {"video_url": "", "feed_type": "discover"},
        {"location": None, "public_location": None},
        {"public_location": None},
        {"min_offer_price": Decimal(851)},
    ],
)
def test_database_constraints_refuse_inconsistent_products(broken: Any) -> None:
    product = make_product()
    with pytest.raises(IntegrityError), transaction.atomic():
        Product.objects.filter(pk=product.pk).update(**broken)
    product.refresh_from_db()
    assert (product.platform_fee, product.seller_payout) == (Decimal("42.50"), Decimal("807.50"))
