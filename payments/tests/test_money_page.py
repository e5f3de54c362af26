"""docs/money.md: its tables are computed again, and its examples posted."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings

from accounts.tests.factories import make_seller
from payments import fees
from payments.models import Chargeback, Entry, EntryLine, Payment
from payments.providers.base import Movement
from payments.services import ledger
from payments.tests.factories import make_payment, make_payout, make_refund
from payments.tests.ledgers import charge, charge_back, release, return_refund
from soukloop.core.money import from_fils, split_by_rate, to_fils

PAGE = (Path(settings.BASE_DIR) / "docs/money.md").read_text()
Account = EntryLine.Account


def rows_after(start: str) -> list[list[str]]:
    """Return the cells of the first table after a text, without its heading."""
    lines = PAGE[PAGE.index(start) :].splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("|---"))
    rows = []
    for line in lines[first + 1 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def fils(text: str) -> int:
    return to_fils(Decimal(text.split()[0].replace(",", "")))


def rate(text: str) -> Decimal:
    return Decimal(text.removesuffix(" %")) / 100


@pytest.mark.parametrize("row", rows_after("| feed | rate |"), ids=" ".join)
def test_fee_and_payout_of_each_price_are_as_the_page_says(row: list[str]) -> None:
    _feed, percent, price, fee, payout = row
    computed, rest = split_by_rate(from_fils(fils(price)), rate(percent))
    assert (to_fils(computed), to_fils(rest)) == (fils(fee), fils(payout))


@pytest.mark.parametrize("row", rows_after("| price | rate | fee | net |"), ids=" ".join)
def test_vat_of_each_fee_is_as_the_page_says(row: list[str]) -> None:
    price, percent, fee, net, vat, share = (fils(cell) for cell in [row[0], "0", *row[2:]])
    computed, _ = split_by_rate(from_fils(price), rate(row[1]))
    assert to_fils(computed) == fee
    assert percent == 0
    parts = fees.parts_of(price, fee, fees.vat_within(fee))
    assert (parts.net, parts.vat, parts.share) == (net, vat, share)


def test_refunds_in_three_parts_are_as_the_page_says() -> None:
    before = 0
    for row in rows_after("| refund | of it from the seller |"):
        part, share, net, vat, left = map(fils, row)
        back = fees.parts_returned(85_000, 4_250, 202, before=before, part=part)
        before += part
        assert back == fees.Parts(share=share, net=net, vat=vat)
        assert fees.parts_of(85_000, 4_250, 202, returned=before).fee == left
    assert before == 85_000


def post_examples() -> list[Entry | None]:
    """Post one entry of each kind, as the page describes them."""
    seller = make_seller()
    sale = charge(seller)
    refund = make_refund(sale, 10_000)
    posted = [Entry.objects.get(), ledger.post_refund(refund)]
    return_refund(refund)
    release(sale)
    payout = make_payout(seller, 80_750)
    posted += [
        ledger.post_payout(payout),
        ledger.post_payout_paid(payout),
        ledger.post_payout_returned(payout),
    ]
    charge_back(sale, Chargeback.State.LOST)
    charge_back(charge(seller), Chargeback.State.WON)
    in_person = make_payment(payee=seller, provider="in_person")
    posted.append(ledger.post_hand_over_fee(in_person))
    posted.append(ledger.post_refund(make_refund(in_person, 42_500, external_id="")))
    bill = make_payment(kind=Payment.Kind.FEE_BILL, payer=seller, amount=2_125, fee=0, account=None)
    posted.append(ledger.post_fee_paid(bill))
    movement = Movement("txn", "charge", 85_000, 2_565, "AED", sale.external_id, "acct", datetime.now(UTC))
    posted.append(ledger.post_provider_fee(sale, movement))
    posted.append(
        ledger.post(
            kind=Entry.Kind.CORRECTION,
            key="correction:1",
            lines=[(Account.FEES, None, 1), (Account.SELLER_AVAILABLE, seller.pk, -1)],
        )
    )
    return posted


def test_each_kind_of_entry_is_posted_as_the_page_says(db: None) -> None:
    post_examples()
    posted: dict[str, list[tuple[str, int]]] = {}
    for entry in Entry.objects.order_by("pk"):
        posted[entry.kind] = posted.get(entry.kind) or [
            (line.account, line.amount) for line in entry.lines.order_by("pk")
        ]
    described = {
        kind: [(account.strip("`"), fils(amount)) for account, amount in rows_after(f"### `{kind}`\n")]
        for kind in re.findall(r"^### `(\w+)`$", PAGE, re.MULTILINE)
    }
    assert described == posted
    assert described.keys() == set(Entry.Kind.values)


def test_page_names_each_account() -> None:
    accounts = [row[0].strip("`") for row in rows_after("| account | of whom |")]
    assert accounts == list(Account.values)
