"""Orders changed at the same moment: real transactions in threads, each with a connection of its own."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.db import connections, transaction
from django.utils import timezone

from accounts.models import User
from accounts.services.deletion import delete_account
from accounts.tests.factories import PASSWORD, make_user
from listings.models import Product
from listings.services import delete_product
from listings.tests.factories import make_product
from offers.services.negotiation import accept_offer
from offers.services.sales import cancel_transaction, expire_due_sales
from offers.tests.consistency import assert_offers_consistent
from offers.tests.factories import make_offer, make_sale
from orders.codes import plain_code
from orders.models import Order, OrderEvent
from orders.services import buying, closing, hand_over
from orders.tests.factories import make_order
from payments.access import lock_payment
from payments.models import Payment, Refund
from payments.selectors import latest_payment
from payments.services.advance.payments import move_payment
from payments.tests.factories import make_account
from soukloop.core.errors import DomainError

pytestmark = pytest.mark.django_db(transaction=True)
State = Order.State
THREADS = 16
BUYERS = 200


def at_once(actions: Sequence[Callable[[], Any]]) -> list[str]:
    """Run the actions in threads that start together; return "ok" or the error's code for each."""
    start = threading.Barrier(min(len(actions), THREADS))

    def begin() -> None:
        start.wait(timeout=60)

    def run(action: Callable[[], Any]) -> str:
        try:
            action()
        except DomainError as error:
            return str(error.code)
        finally:
            connections.close_all()
        return "ok"

    with ThreadPoolExecutor(min(len(actions), THREADS), initializer=begin) as threads:
        return list(threads.map(run, actions))


def buy(buyer: User, product: Product, method: str = "in_person") -> Callable[[], Any]:
    return partial(
        buying.place_order,
        actor=buyer,
        product_id=product.pk,
        payment_method=method,
        delivery="meet_up",
    )


def move(order: Order, state: str) -> Callable[[], Any]:
    """Move the order's payment as an answer of the provider would."""
    payment = latest_payment(order.pk)
    assert payment is not None
    payment_id = payment.pk

    def tell() -> None:
        with transaction.atomic():
            locked = lock_payment(payment_id)
            if locked.state in ("created", "authorised"):
                move_payment(locked, state)

    return tell


def test_one_of_200_buyers_at_once_gets_the_product() -> None:
    product = make_product()
    make_account(product.seller)
    buyers = [make_user() for _ in range(BUYERS)]
    methods = ("card", "in_person")
    answers = Counter(at_once([buy(buyer, product, methods[n % 2]) for n, buyer in enumerate(buyers)]))
    assert answers.pop("ok") == 1
    assert set(answers) <= {"product_reserved", "product_not_available"}
    assert sum(answers.values()) == BUYERS - 1
    order = Order.objects.get()
    assert Payment.objects.get().reference == order.pk
    assert_offers_consistent(product)


def test_either_the_purchase_or_the_acceptance_of_an_offer_succeeds() -> None:
    product = make_product()
    offer = make_offer(product)
    buyers = [make_user() for _ in range(4)]
    accept = partial(accept_offer, actor=offer.recipient, offer_id=offer.pk)
    answers = at_once([*(buy(buyer, product) for buyer in buyers), *[accept] * 4])
    assert answers.count("ok") == 1
    assert set(answers) <= {
        "ok",
        "product_reserved",
        "product_not_available",
        "offer_accepted",
        "offer_declined",
    }
    assert_offers_consistent(product)


def test_either_the_purchase_or_the_deletion_of_the_product_succeeds() -> None:
    product = make_product()
    delete = partial(delete_product, actor=product.seller, product_id=product.pk)
    answers = at_once([buy(make_user(), product), delete, buy(make_user(), product)])
    assert answers.count("ok") == 1
    product.refresh_from_db()
    assert product.status == ("reserved" if Order.objects.exists() else "deleted")


def test_one_of_several_orders_of_an_accepted_offer_at_once_is_made() -> None:
    sale = make_sale()
    order = partial(
        buying.place_order,
        actor=sale.buyer,
        offer_id=sale.offer_id,
        payment_method="in_person",
        delivery="meet_up",
    )
    assert Counter(at_once([order] * 6)) == {"ok": 1, "order_exists": 5}


def test_an_accepted_offer_is_either_ordered_or_expires() -> None:
    sale = make_sale()
    type(sale).objects.update(expires_at=timezone.now() + timedelta(milliseconds=50))
    order = partial(
        buying.place_order,
        actor=sale.buyer,
        offer_id=sale.offer_id,
        payment_method="in_person",
        delivery="meet_up",
    )
    at_once([order, expire_due_sales, order, expire_due_sales])
    with time_machine.travel(timezone.now() + timedelta(seconds=1)):
        expire_due_sales()
    sale.refresh_from_db()
    assert (sale.status, Product.objects.get().status) in (("pending", "sold"), ("cancelled", "active"))
    assert Order.objects.count() == int(sale.status == "pending")
    assert_offers_consistent(sale.product)


def test_two_payments_begun_at_once_are_one() -> None:
    order = make_order(payment_method="card")
    move(order, Payment.State.FAILED)()
    pay = partial(buying.pay_again, actor=order.buyer, order_id=order.pk)
    in_person = partial(pay, payment_method="in_person")
    answers = at_once([pay, in_person, pay, in_person])
    assert set(answers) <= {"ok", "order_authorised"}
    standing = Payment.objects.filter(reference=order.pk).exclude(state="failed")
    assert standing.count() == 1


def test_an_order_either_expires_or_is_sold_when_the_card_is_authorised_at_that_moment() -> None:
    order = make_order(payment_method="card")
    authorise = move(order, Payment.State.AUTHORISED)
    Order.objects.update(expires_at=timezone.now() + timedelta(milliseconds=50))
    at_once([buying.expire_due_orders, authorise, buying.expire_due_orders])
    order.refresh_from_db()
    payment = Payment.objects.get()
    if order.state == State.AUTHORISED:
        assert payment.capture_asked_at is not None
        assert payment.cancel_asked_at is None
    else:
        assert payment.capture_asked_at is None
        assert order.state == State.EXPIRED
    assert_offers_consistent(Product.objects.get())


@pytest.mark.parametrize("rival", ["order", "transaction"])
def test_cancelling_and_capturing_at_once_ends_paid_back(rival: str) -> None:
    order = make_order(payment_method="card", state=State.AUTHORISED)
    capture = move(order, Payment.State.CAPTURED)
    if rival == "order":
        cancel: Callable[[], Any] = partial(closing.cancel_order, actor=order.buyer, order_id=order.pk)
    else:
        cancel = partial(cancel_transaction, actor=order.buyer, transaction_id=order.transaction_id)
    assert at_once([cancel, capture]) == ["ok", "ok"]
    order.refresh_from_db()
    assert (order.state, Payment.objects.get().state) == ("cancelled", "captured")
    assert Refund.objects.get().amount == Payment.objects.get().amount


def test_handing_over_and_cancelling_at_once_is_one_of_both() -> None:
    order = make_order()
    code = plain_code(order.hand_over_code)
    give = partial(hand_over.hand_over, actor=order.seller, order_id=order.pk, code=code)
    cancel = partial(closing.cancel_order, actor=order.buyer, order_id=order.pk)
    answers = at_once([give, cancel, give, cancel])
    assert answers.count("ok") == 1
    assert set(answers) <= {"ok", "order_cancelled", "order_handed_over"}
    order.refresh_from_db()
    captured = Payment.objects.get().state == "captured"
    assert (order.state == State.HANDED_OVER) is captured


def test_wrong_codes_sent_at_once_are_counted_one_by_one() -> None:
    order = make_order()
    wrong = f"{(int(plain_code(order.hand_over_code)) + 1) % 10**6:06d}"
    guess = partial(hand_over.check_code, actor=order.seller, order_id=order.pk, code=wrong)
    answers = Counter(at_once([guess] * 12))
    limit = settings.HAND_OVER_CODE_ATTEMPTS
    assert answers == {"hand_over_code_wrong": limit - 1, "hand_over_code_locked": 12 - limit + 1}
    whats = Counter(OrderEvent.objects.filter(order=order).values_list("what", flat=True))
    assert (whats["wrong_code"], whats["code_locked"]) == (limit - 1, 1)


def test_completing_twice_at_once_releases_the_share_once() -> None:
    order = make_order(payment_method="card", state=State.HANDED_OVER)
    Order.objects.update(completes_at=timezone.now() - timedelta(seconds=1))
    confirm = partial(closing.confirm_order, actor=order.buyer, order_id=order.pk)
    answers = at_once([confirm, closing.complete_due_orders, confirm, closing.complete_due_orders])
    assert set(answers) <= {"ok", "order_completed"}
    assert OrderEvent.objects.filter(order=order, what="completed").count() == 1
    assert Payment.objects.get().entries.filter(kind="release").count() == 1


def test_an_account_is_either_deleted_or_buys() -> None:
    product, buyer = make_product(), make_user()
    delete = partial(delete_account, actor=buyer, password=PASSWORD)
    answers = at_once([buy(buyer, product), delete])
    assert answers in (["ok", "account_has_obligations"], ["account_deleted", "ok"])
    assert Order.objects.count() == int(answers[0] == "ok")
