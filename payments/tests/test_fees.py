"""The arithmetic of fees: every part of every sequence of refunds adds up to the fils."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.fees import Parts, part_of, parts_of, parts_returned, vat_within

AMOUNTS = st.integers(1, 999_999_999)


@st.composite
def payments(draw: st.DrawFn) -> tuple[int, int, int]:
    """Draw an amount, a fee within it, and the VAT within the fee."""
    amount = draw(AMOUNTS)
    fee = draw(st.integers(0, amount) | st.just(part_of(amount, 5, 100)) | st.just(part_of(amount, 15, 100)))
    return amount, fee, vat_within(fee)


@st.composite
def refunds(draw: st.DrawFn) -> tuple[tuple[int, int, int], list[int]]:
    """Draw a payment and refunds of it that are together at most its amount."""
    payment = draw(payments())
    left, parts = payment[0], []
    for share in draw(st.lists(st.floats(0, 1), max_size=12)):
        part = min(left, max(1, int(left * share)))
        if part:
            parts.append(part)
            left -= part
    return payment, parts


def test_fee_of_850_at_5_percent_is_40_48_and_2_02_of_vat() -> None:
    assert vat_within(4250) == 202
    assert parts_of(85_000, 4250, 202) == Parts(share=80_750, net=4048, vat=202)


@pytest.mark.parametrize(
    ("fee", "vat"),
    [(0, 0), (1, 0), (10, 0), (11, 1), (21, 1), (105, 5), (4485, 214), (150_000_000, 7_142_857)],
)
def test_vat_within_a_fee_is_rounded_half_up(fee: int, vat: int) -> None:
    assert vat_within(fee) == vat


@pytest.mark.parametrize(("amount", "expected"), [(1, 1), (2, 1), (3, 2), (0, 0)])
def test_half_a_fil_is_rounded_up(amount: int, expected: int) -> None:
    assert part_of(amount, 1, 2) == expected


@given(payments())
def test_parts_of_a_payment_add_up_and_none_is_negative(payment: tuple[int, int, int]) -> None:
    parts = parts_of(*payment)
    assert parts.amount == payment[0]
    assert parts.fee == payment[1]
    assert min(parts.share, parts.net, parts.vat) >= 0


@given(refunds())
def test_parts_of_any_sequence_of_refunds_add_up(drawn: tuple[tuple[int, int, int], list[int]]) -> None:
    payment, refunded = drawn
    before, share, net, vat = 0, 0, 0, 0
    for part in refunded:
        back = parts_returned(*payment, before=before, part=part)
        assert back.amount == part
        assert back.share >= 0
        assert back.fee >= 0
        before += part
        share, net, vat = share + back.share, net + back.net, vat + back.vat
    whole, left = parts_of(*payment), parts_of(*payment, returned=before)
    assert (whole.share - share, whole.net - net, whole.vat - vat) == (left.share, left.net, left.vat)
    assert min(left.share, left.net, left.vat) >= 0


@given(refunds())
def test_order_of_refunds_makes_no_difference(drawn: tuple[tuple[int, int, int], list[int]]) -> None:
    payment, refunded = drawn

    def sums(parts: list[int]) -> tuple[int, int, int]:
        before, total = 0, [0, 0, 0]
        for part in parts:
            back = parts_returned(*payment, before=before, part=part)
            before += part
            total = [total[0] + back.share, total[1] + back.net, total[2] + back.vat]
        return total[0], total[1], total[2]

    assert sums(refunded) == sums(refunded[::-1])


@given(refunds())
def test_full_refund_in_parts_returns_everything(drawn: tuple[tuple[int, int, int], list[int]]) -> None:
    payment, refunded = drawn
    rest = payment[0] - sum(refunded)
    before = sum(refunded)
    if rest:
        last = parts_returned(*payment, before=before, part=rest)
        assert last.amount == rest
    assert parts_of(*payment, returned=payment[0]) == Parts(0, 0, 0)
