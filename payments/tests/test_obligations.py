"""What keeps an account from being deleted: money, debts, bills, refunds and chargebacks."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone, translation

from accounts.hooks import account_deletion_blockers
from accounts.models import User
from accounts.services.deletion import delete_account
from accounts.tests.factories import PASSWORD, make_seller, make_user
from payments.models import FeeBill, Payment, Refund
from payments.selectors.obligations import obligations_of
from payments.services import ledger
from payments.tests.factories import (
    make_captured_sale,
    make_chargeback,
    make_payment,
    make_payout,
    make_refund,
)
from soukloop.core.errors import Conflict

pytestmark = pytest.mark.django_db


def owe_fees(user: User) -> None:
    make_captured_sale(payee=user)


def have_pending(user: User) -> None:
    ledger.post_charge(make_payment(payee=user))


def have_available(user: User) -> Payment:
    payment = make_payment(payee=user)
    ledger.post_charge(payment)
    payment.released_at = timezone.now()
    payment.save()
    ledger.post_release(payment)
    return payment


def have_on_its_way(user: User) -> None:
    have_available(user)
    ledger.post_payout(make_payout(user, 80_750))


def be_negative(user: User) -> None:
    payment = have_available(user)
    payout = make_payout(user, 80_750)
    ledger.post_payout(payout)
    ledger.post_payout_paid(payout)
    ledger.post_refund(make_refund(payment, 10_000))


def have_bill(user: User) -> None:
    now = timezone.now()
    FeeBill.objects.create(
        seller=user,
        month=now.date().replace(day=1),
        amount=4_250,
        state=FeeBill.State.OVERDUE,
        due_at=now,
        created_at=now,
    )


def wait_for_refund(user: User) -> None:
    make_refund(make_payment(payer=user), 100, state=Refund.State.PENDING, closed_at=None)


def owe_refund(user: User) -> None:
    make_refund(make_payment(payee=user), 100, state=Refund.State.WAITING, closed_at=None, external_id="")


def charge_back(user: User) -> None:
    make_chargeback(make_payment(payer=user), 85_000)


def be_charged_back(user: User) -> None:
    make_chargeback(make_payment(payee=user), 85_000)


@pytest.mark.parametrize(
    ("begin", "kind", "text"),
    [
        (owe_fees, "fee_debt", "You owe fees of AED 42.50"),
        (have_pending, "money_on_its_way", "AED 807.50 of your sales have not arrived at your bank yet"),
        (have_available, "money_on_its_way", "AED 807.50 of your sales have not arrived at your bank yet"),
        (have_on_its_way, "money_on_its_way", "AED 807.50 of your sales have not arrived at your bank yet"),
        (be_negative, "negative_balance", "You owe AED 95.00 for refunds of your sales"),
        (have_bill, "fee_bills", "1 bill of fees is not paid"),
        (wait_for_refund, "open_refunds", "1 refund is not finished"),
        (owe_refund, "open_refunds", "1 refund is not finished"),
        (charge_back, "open_chargebacks", "A bank has not decided about 1 payment"),
        (be_charged_back, "open_chargebacks", "A bank has not decided about 1 payment"),
    ],
)
def test_an_account_with_open_money_is_not_deleted(
    begin: Callable[[User], object], kind: str, text: str
) -> None:
    user = make_seller()
    begin(user)
    found = obligations_of(user)
    assert [(one.kind, str(one.text).replace("\u00a0", " "), one.count) for one in found] == [(kind, text, 1)]
    with pytest.raises(Conflict) as refusal:
        delete_account(actor=user, password=PASSWORD)
    assert refusal.value.code == "account_has_obligations"
    user.refresh_from_db()
    assert user.deleted_at is None
    with translation.override("ar"):
        assert str(obligations_of(user)[0].text) != text


def test_settled_money_keeps_no_account() -> None:
    user, other = make_seller(), make_user()
    owe_fees(make_seller())
    have_pending(make_seller())
    payment = make_payment(payer=user)
    make_refund(payment, 100)
    make_refund(payment, 100, state=Refund.State.FAILED, closed_at=timezone.now())
    make_chargeback(payment, 100, state="lost", closed_at=timezone.now())
    assert (obligations_of(user), obligations_of(other)) == ([], [])
    assert all(not found for found in account_deletion_blockers(user))
    delete_account(actor=user, password=PASSWORD)
    user.refresh_from_db()
    assert user.deleted_at is not None


def test_what_is_too_small_to_be_billed_or_paid_out_is_no_obstacle(settings: Any) -> None:
    settings.FEE_BILL_MIN_FILS, settings.PAYOUT_MIN_FILS = 4_251, 80_751
    for begin in (owe_fees, have_available):
        user = make_seller()
        begin(user)
        assert obligations_of(user) == []
        delete_account(actor=user, password=PASSWORD)
