"""Concurrent requests, in threads with real transactions."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts.services.deletion import delete_account
from accounts.services.moderation import ban_user
from accounts.tests.factories import PASSWORD, make_seller, make_staff
from listings import services
from listings.models import Category, Product
from listings.tests.factories import make_product
from listings.tests.test_services import product_fields
from soukloop.core.errors import Conflict, NotAuthenticated

pytestmark = pytest.mark.django_db(transaction=True)


def test_concurrent_creations_stop_at_fifty_active_products() -> None:
    seller = make_seller()
    for _ in range(45):
        make_product(seller=seller)
    fields = product_fields()

    def create(_: Any) -> Any:
        try:
            services.create_product(actor=seller, **fields)
        except Conflict as refusal:
            return refusal.code
        finally:
            connection.close()
        return "created"

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(create, range(40)))
    assert answers.count("created") == 5
    assert answers.count("active_products_limit") == 35
    assert Product.objects.filter(seller=seller).count() == 50


@pytest.mark.parametrize("how", ["ban", "delete"])
def test_seller_whose_account_closes_during_creation_has_no_listed_products(how: Any) -> None:
    staff, fields = make_staff(), product_fields()

    def close(seller: Any, start: Any) -> None:
        start.wait()
        try:
            if how == "ban":
                ban_user(actor=staff, user_id=seller.pk, reason="Counterfeits")
            else:
                delete_account(actor=seller, password=PASSWORD)
        finally:
            connection.close()

    def create(seller: Any, start: Any) -> Any:
        start.wait()
        try:
            services.create_product(actor=seller, **fields)
        except NotAuthenticated as refusal:
            return refusal.code
        finally:
            connection.close()
        return "created"

    answers = []
    with ThreadPoolExecutor(5) as pool:
        for _ in range(6):
            seller, start = make_seller(), threading.Barrier(5)
            creations = [pool.submit(create, seller, start) for _ in range(4)]
            pool.submit(close, seller, start).result()
            answers += [creation.result() for creation in creations]
            assert not Product.objects.listed().filter(seller=seller).exists()
    assert set(answers) <= {"created", "account_banned" if how == "ban" else "account_deleted"}


def test_seller_banned_before_the_lock_is_refused() -> None:
    seller = make_seller()
    ban_user(actor=make_staff(), user_id=seller.pk, reason="Counterfeits")
    with pytest.raises(NotAuthenticated) as refusal:  # `seller` was read before the ban
        services.create_product(actor=seller, **product_fields())
    assert refusal.value.code == "account_banned"
    assert not Product.objects.exists()


def test_concurrent_restoring_and_creating_respect_the_limit(settings: Any) -> None:
    settings.ACTIVE_PRODUCTS_MAX = 3
    staff, fields = make_staff(), product_fields()

    def outcome(action: Any) -> Any:
        try:
            action()
        except Conflict as refusal:
            return refusal.code
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(8) as pool:
        for _ in range(4):
            seller = make_seller()
            make_product(seller=seller)
            hidden = [make_product(seller=seller, status="hidden") for _ in range(4)]
            running = [
                pool.submit(
                    outcome,
                    lambda product=product: services.restore_product(
                        actor=staff, product_id=product.pk, reason="Papers shown"
                    ),
                )
                for product in hidden
            ]
            running += [
                pool.submit(outcome, lambda seller=seller: services.create_product(actor=seller, **fields))
                for _ in range(4)
            ]
            answers = [one.result() for one in running]
            assert (answers.count("done"), answers.count("active_products_limit")) == (2, 6)


def return_to_sale(product: Any) -> None:
    with transaction.atomic():
        locked = Product.objects.select_for_update().get(pk=product.pk)
        services.put_back_on_sale(product=locked)


def test_concurrent_cancelled_sales_and_creations_respect_the_limit(settings: Any) -> None:
    settings.ACTIVE_PRODUCTS_MAX = 3
    fields = product_fields()

    def run(action: Any) -> None:
        try:
            with contextlib.suppress(Conflict):
                action()
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        for _ in range(4):
            seller = make_seller()
            sold = [make_product(seller=seller, status="sold", sold_at=timezone.now()) for _ in range(4)]
            running = [pool.submit(run, lambda product=product: return_to_sale(product)) for product in sold]
            running += [
                pool.submit(run, lambda seller=seller: services.create_product(actor=seller, **fields))
                for _ in range(4)
            ]
            for one in running:
                one.result()
            assert seller.products.filter(status="active").count() == 3
            assert not seller.products.filter(status="sold").exists()


def restore(product: Any, staff: Any) -> None:
    services.restore_product(actor=staff, product_id=product.pk, reason="Papers shown")


def change_price(product: Any, staff: Any) -> None:
    services.update_product(actor=product.seller, product_id=product.pk, changes={"price": Decimal(5)})


def put_back(product: Any, staff: Any) -> None:
    with transaction.atomic():
        locked = Product.objects.select_for_update(of=("self",), no_key=True).get(pk=product.pk)
        services.put_back_on_sale(product=locked)


@pytest.mark.parametrize(
    ("action", "state"),
    [
        (restore, {"status": "hidden"}),
        (change_price, {"status": "active"}),
        (put_back, {"status": "sold", "sold_at": timezone.now()}),
    ],
)
def test_product_changed_during_a_ban_of_its_seller_is_not_listed(action: Any, state: Any) -> None:
    staff = make_staff()

    def run(product: Any, start: Any) -> None:
        start.wait()
        try:
            action(product, staff)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        for _ in range(6):
            seller, start = make_seller(), threading.Barrier(5)
            running = [pool.submit(run, make_product(seller=seller, **state), start) for _ in range(4)]
            start.wait()
            ban_user(actor=staff, user_id=seller.pk, reason="Counterfeits")
            for one in running:
                one.result()
            assert Product.objects.filter(seller=seller, status="active", seller_closed=True).count() == 4


def test_categories_exist_after_other_transactional_tests() -> None:
    assert Category.objects.count() == 12
