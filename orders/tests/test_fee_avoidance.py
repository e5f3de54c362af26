"""Cases about people who avoid our fee by disputes of sales in person that the seller accepts."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from accounts.models import User
from accounts.tests.factories import make_seller, make_staff, make_user
from listings.tests.factories import make_product
from orders.models import Dispute, Order
from orders.services import closing, disputes
from orders.tests.dispute_factories import decide, make_dispute
from orders.tests.factories import make_order
from payments.models import EntryLine, FinanceCase, Refund
from payments.services import refunds
from payments.services.ledger import balance

pytestmark = pytest.mark.django_db
State = Order.State


def accept_one(seller: User, buyer: User | None = None) -> Order:
    """Hand a product over, dispute it, and accept the dispute."""
    order = make_order(make_product(seller=seller), buyer=buyer, state=State.HANDED_OVER)
    disputes.accept_dispute(actor=seller, dispute_id=make_dispute(order).pk)
    order.refresh_from_db()
    return order


def debt_of(seller: User) -> int:
    return balance(EntryLine.Account.FEE_DEBT, seller.pk)


def cases(kind: str) -> list[dict[str, object]]:
    return [case.ours for case in FinanceCase.objects.filter(kind=kind)]


def test_disputes_that_a_seller_accepts_open_a_case_and_then_wait_for_staff() -> None:
    seller = make_seller()
    for number in range(1, settings.FEES_WAIVED_BY_SELLER_MAX + 1):
        assert (accept_one(seller).state, debt_of(seller)) == ("refunded", 0)
        assert len(cases("fees_waived_often")) == int(number == settings.FEES_WAIVED_BY_SELLER_MAX)
    order = accept_one(seller)
    assert (order.state, Refund.objects.latest("created_at").state) == ("disputed", "waiting")
    fee = int(order.transaction.platform_fee * 100)
    assert debt_of(seller) == fee > 0
    expected = {"seller": str(seller.pk), "accepted_disputes_in_person": 4, "buyers": 4}
    assert cases("fees_waived_often") == [expected]
    assert cases("repeated_cancellations") == []

    staff = make_staff(is_superuser=True)
    refunds.approve_refund(actor=staff, refund_id=Refund.objects.latest("created_at").pk)
    order.refresh_from_db()
    assert (order.state, debt_of(seller)) == ("refunded", 0)


def test_staff_who_refuse_to_waive_the_fee_open_the_dispute_again_and_may_keep_it() -> None:
    seller = make_seller()
    orders = [accept_one(seller) for _ in range(settings.FEES_WAIVED_BY_SELLER_MAX + 1)]
    staff, order = make_staff(is_superuser=True), orders[-1]
    waiting = Refund.objects.get(state="waiting")
    refunds.reject_refund(actor=staff, refund_id=waiting.pk, reason="They always do this")
    dispute = Dispute.objects.get(order=order)
    order.refresh_from_db()
    assert (dispute.state, dispute.refund_amount, order.state) == ("open", None, "disputed")
    decide(dispute, "no_refund", actor=staff)
    order.refresh_from_db()
    assert (order.state, debt_of(seller)) == ("completed", int(order.transaction.platform_fee * 100))


def test_accepted_disputes_count_like_cancellations_of_a_pair() -> None:
    seller, buyer = make_seller(), make_user()
    accept_one(seller, buyer)
    accept_one(seller, buyer)
    assert cases("repeated_cancellations") == []
    cancelled = make_order(make_product(seller=seller), buyer=buyer)
    closing.cancel_order(actor=buyer, order_id=cancelled.pk)
    [ours] = cases("repeated_cancellations")
    assert (ours["cancelled"], ours["accepted_disputes_in_person"]) == (1, 2)
    accept_one(seller, buyer)
    [ours] = cases("repeated_cancellations")
    assert (ours["cancelled"], ours["accepted_disputes_in_person"]) == (1, 3)


def test_disputes_of_cards_and_of_long_ago_do_not_count() -> None:
    seller = make_seller()
    for _ in range(settings.FEES_WAIVED_BY_SELLER_MAX):
        accept_one(seller)
    FinanceCase.objects.all().delete()
    long_ago = timezone.now() - settings.ORDER_CANCELLATIONS_COUNTED_FOR - timedelta(minutes=1)
    Dispute.objects.update(closed_at=long_ago)
    assert accept_one(seller).state == "refunded"
    by_card = make_order(make_product(seller=seller), payment_method="card", state=State.HANDED_OVER)
    disputes.accept_dispute(actor=seller, dispute_id=make_dispute(by_card).pk)
    assert Refund.objects.latest("created_at").state == "requested"
    assert not FinanceCase.objects.exists()
