"""Amounts add up to the fils."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError

from soukloop.core.jsonlib import dumps
from soukloop.core.money import PriceField, split_by_rate

PRICES = st.decimals("0.01", "9999999.99", places=2)


@pytest.mark.parametrize(
    ("price", "rate", "fee", "payout"),
    [
        ("850.00", "0.05", "42.50", "807.50"),
        ("299.00", "0.15", "44.85", "254.15"),
        ("750.00", "0.05", "37.50", "712.50"),
        ("0.10", "0.05", "0.01", "0.09"),
        ("0.01", "0.15", "0.00", "0.01"),
    ],
)
def test_fees_match_the_worked_examples(price: str, rate: str, fee: str, payout: str) -> None:
    assert split_by_rate(Decimal(price), Decimal(rate)) == (Decimal(fee), Decimal(payout))


@given(price=PRICES, rate=st.decimals("0", "1", places=4))
def test_fee_and_payout_always_add_up_to_the_price_with_two_places(price: Decimal, rate: Decimal) -> None:
    fee, payout = split_by_rate(price, rate)
    assert fee + payout == price
    assert fee.as_tuple().exponent == -2
    assert payout.as_tuple().exponent == -2


@pytest.mark.parametrize(
    "given",
    [
        True,
        False,
        None,
        "x",
        "",
        [],
        {},
        -1,
        0,
        "0.001",
        0.001,
        1e9,
        "NaN",
        "Infinity",
        "7_50",
        "1e2",
        " 7",
        "٧٥٠٫٥٠٥",
        "٧،٥",
    ],
)
def test_an_invalid_price_is_refused(given: Any) -> None:
    with pytest.raises(ValidationError):
        PriceField().run_validation(given)


@pytest.mark.parametrize(
    "given", [850, 850.0, "850.00", "850", "٨٥٠", "٨٥٠٫٠٠", "۸۵۰", "８５０", "\u200f٨٥٠\u200f"]
)
def test_prices_are_read_from_numbers_and_numeric_strings(given: Any) -> None:
    assert PriceField().run_validation(given) == Decimal("850.00")


@given(price=PRICES)
def test_json_shows_money_with_two_decimal_places(price: Decimal) -> None:
    assert dumps({"price": price}) == f'{{"price":{price:.2f}}}'.encode()
