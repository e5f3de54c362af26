"""What must be true of all orders, payments and the ledger together, whatever has happened."""

from collections import defaultdict
from itertools import pairwise
from typing import Any

from django.db import connection
from django.db.models import Sum

from listings.models import Product
from offers.models import Transaction
from orders.models import Dispute, Order, OrderEvent
from orders.services.hand_over import code_shown_to
from orders.states import SALE_STATUS, TRANSITIONS, is_handed_over_by_code
from payments import fees
from payments.models import Chargeback, EntryLine, FeeBill, Payment, Payout, Refund
from payments.selectors import latest_payment, standing_payment
from payments.services.ledger_check import check_ledger

S, P, Account = Order.State, Payment.State, EntryLine.Account
OVER = (S.EXPIRED, S.CANCELLED, S.REFUNDED)
PAID_FOR = (S.PAID, S.SHIPPED, S.DELIVERED, S.HANDED_OVER, S.COMPLETED, S.PARTIALLY_REFUNDED, S.DISPUTED)


def assert_money_is_right() -> None:
    """Assert everything that holds after every step."""
    with connection.cursor() as cursor:  # what is checked when a transaction commits
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    _assert_ledger_check_passes()
    orders = list(Order.objects.select_related("product", "buyer", "seller", "transaction__offer"))
    _assert_products_have_one_buyer(orders)
    histories = _histories()
    for order in orders:
        _assert_order_fits_its_payment(order)
        _assert_code_is_shown_while_it_can_be_used(order)
        _assert_history_follows_the_transitions(order, histories[order.pk])
    _assert_balances_are_the_sums_of_the_rows()
    for payment in Payment.objects.all():
        assert 0 <= payment.refunded <= payment.amount


def assert_nobody_is_charged_for_nothing() -> None:
    """Assert it once all jobs have run: what no order stands for is given back, or finance has a case."""
    for order in Order.objects.filter(state__in=[S.EXPIRED, S.CANCELLED]):
        payment = standing_payment(order.pk)
        if payment is None:
            continue
        assert payment.state == P.CAPTURED, (order.state, payment.state)
        assert _given_back(payment) >= payment.amount, order


def _assert_ledger_check_passes() -> None:
    report = check_ledger()
    found = {result.name: result.differences for result in report.results if result.count}
    # Documents are issued by a job of their own.
    assert not {name: found[name] for name in found if "document" not in name}


def _assert_products_have_one_buyer(orders: list[Order]) -> None:
    standing: dict[Any, Order] = {}
    for order in orders:
        assert order.transaction.status == SALE_STATUS[order.state]
        assert order.transaction.platform_fee + order.transaction.seller_payout == order.transaction.price
        if order.state not in OVER:
            assert order.product_id not in standing, "two standing orders of one product"
            standing[order.product_id] = order
    closed = (Transaction.Status.CANCELLED, Transaction.Status.REFUNDED)
    sales: dict[Any, list[Transaction]] = defaultdict(list)
    for sale in Transaction.objects.exclude(status__in=closed):
        sales[sale.product_id].append(sale)
    for product in Product.objects.all():
        assert len(sales[product.pk]) <= 1, "two standing sales of one product"
        if buyers := standing.get(product.pk):
            assert sales[product.pk] == [buyers.transaction]
            is_unpaid = buyers.state == S.PENDING_PAYMENT or (
                buyers.state == S.AUTHORISED and buyers.payment_method == Order.PaymentMethod.IN_PERSON
            )
            assert product.sold_at is not None or (is_unpaid and product.reserved_at is not None)
        elif not sales[product.pk]:
            assert product.reserved_at is None
        if product.status == Product.Status.ACTIVE:
            assert not sales[product.pk], "a product on sale that is sold"


def _assert_order_fits_its_payment(order: Order) -> None:
    payment, latest = standing_payment(order.pk), latest_payment(order.pk)
    assert latest is not None
    assert latest.amount == order.transaction.price * 100
    assert latest.fee == order.transaction.platform_fee * 100
    captured = Payment.objects.filter(reference=order.pk, state=P.CAPTURED).count()
    assert captured <= 1, "paid twice"
    match order.state:
        case S.PENDING_PAYMENT:
            assert payment is None or payment.state in (P.CREATED, P.REQUIRES_ACTION, P.AUTHORISED)
        case S.AUTHORISED:
            assert payment is not None
            assert payment.state == P.AUTHORISED
        case S.CANCELLED | S.EXPIRED:
            assert payment is None or payment.cancel_asked_at or payment.state == P.CAPTURED
        case S.REFUNDED:
            assert payment is not None
            assert payment.refunded == payment.amount
        case _:
            assert order.state in PAID_FOR
            assert payment is not None
            assert payment.state == P.CAPTURED
    if order.state in (S.COMPLETED, S.PARTIALLY_REFUNDED):
        assert payment is not None
        assert payment.released_at is not None
        assert payment.refunded < payment.amount
        assert (payment.refunded > 0) == (order.state == S.PARTIALLY_REFUNDED)
    if order.state == S.DISPUTED:
        assert payment is not None
        assert (
            Dispute.objects.filter(order=order, state=Dispute.State.OPEN).exists()
            or payment.chargebacks.filter(state=Chargeback.State.OPEN).exists()
            or payment.refunds.exclude(state=Refund.State.SUCCEEDED).exists()
        ), "disputed by nobody"
        assert payment.released_at is None or order.completed_at is not None


def _assert_code_is_shown_while_it_can_be_used(order: Order) -> None:
    assert code_shown_to(order.seller, order) is None
    code = code_shown_to(order.buyer, order)
    assert (code is not None) == is_handed_over_by_code(order) == bool(order.hand_over_code)
    assert code is None or len(code) == 6


def _histories() -> dict[Any, list[str]]:
    states: dict[Any, list[str]] = defaultdict(lambda: [S.PENDING_PAYMENT])
    for order_id, state in OrderEvent.objects.order_by("id").values_list("order_id", "state"):
        if states[order_id][-1] != state:
            states[order_id].append(state)
    return states


def _assert_history_follows_the_transitions(order: Order, states: list[str]) -> None:
    assert states[-1] == order.state
    for before, after in pairwise(states):
        assert after in TRANSITIONS[before], states


def _assert_balances_are_the_sums_of_the_rows() -> None:
    """Compare what the ledger says of each person with what the rows of payments add up to."""
    due: dict[tuple[str, Any], int] = defaultdict(int)
    for payment in Payment.objects.filter(state=P.CAPTURED):
        parts = fees.parts_of(payment.amount, payment.fee, payment.vat, returned=payment.refunded)
        if payment.kind == Payment.Kind.FEE_BILL:
            due[Account.FEE_DEBT, payment.payer_id] -= payment.amount
        elif payment.provider == fees.IN_PERSON:
            due[Account.FEE_DEBT, payment.payee_id] += parts.fee
        else:
            account = Account.SELLER_AVAILABLE if payment.released_at else Account.SELLER_PENDING
            due[account, payment.payee_id] -= parts.share
    for payout in Payout.objects.exclude(state=Payout.State.FAILED):
        due[Account.SELLER_AVAILABLE, payout.seller_id] += payout.amount
        if payout.state != Payout.State.PAID:
            due[Account.SELLER_ON_ITS_WAY, payout.seller_id] -= payout.amount
    lines = EntryLine.objects.exclude(person=None).values_list("account", "person_id")
    posted = {(account, person): total for account, person, total in lines.annotate(total=Sum("amount"))}
    assert {key: sum_ for key, sum_ in posted.items() if sum_} == {
        key: sum_ for key, sum_ in due.items() if sum_
    }
    for bill in FeeBill.objects.filter(state=FeeBill.State.PAID):
        paid = Payment.objects.filter(reference=bill.pk, state=P.CAPTURED).aggregate(sum=Sum("amount"))["sum"]
        assert paid == bill.amount


def _given_back(payment: Payment) -> int:
    """Return what went back, is on its way, or has failed to, of which finance has a case."""
    refunds = payment.refunds.exclude(state=Refund.State.REJECTED).aggregate(sum=Sum("amount"))["sum"] or 0
    taken = payment.chargebacks.exclude(state=Chargeback.State.WON).aggregate(sum=Sum("amount"))["sum"] or 0
    return refunds + taken
