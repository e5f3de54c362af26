"""What happens when everything arrives at once: real transactions, real threads."""

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts.services.moderation import ban_user
from accounts.services.profiles import delete_account
from accounts.tests.factories import PASSWORD, make_seller, make_staff
from listings import services
from listings.models import Category, Product
from listings.tests.factories import make_product
from listings.tests.test_services import jordans
from soukloop.core.errors import Conflict, NotAuthenticated

pytestmark = pytest.mark.django_db(transaction=True)


def test_parallel_creations_stop_at_fifty_active_products():
    seller = make_seller()
    for _ in range(45):
        make_product(seller=seller)
    fields = jordans()

    def create(_):
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


@pytest.mark.parametrize("way", ["ban", "delete"])
def test_who_is_shut_out_while_posting_has_nothing_on_sale(way):
    staff, fields = make_staff(), jordans()

    def close(seller, start):
        start.wait()
        try:
            if way == "ban":
                ban_user(actor=staff, user_id=seller.pk, reason="Counterfeits")
            else:
                delete_account(actor=seller, password=PASSWORD)
        finally:
            connection.close()

    def create(seller, start):
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
    assert set(answers) <= {"created", "account_banned" if way == "ban" else "account_deleted"}


def test_who_was_banned_before_the_lock_was_had_is_refused():
    seller = make_seller()
    ban_user(actor=make_staff(), user_id=seller.pk, reason="Counterfeits")
    with pytest.raises(NotAuthenticated) as refusal:  # `seller` is the row as it was before
        services.create_product(actor=seller, **jordans())
    assert refusal.value.code == "account_banned"
    assert not Product.objects.exists()


def test_what_is_restored_while_others_are_listed_passes_no_limit(settings):
    settings.ACTIVE_PRODUCTS_MAX = 3
    staff, fields = make_staff(), jordans()

    def tried(action):
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
                    tried,
                    lambda product=product: services.restore_product(
                        actor=staff, product_id=product.pk, reason="Papers shown"
                    ),
                )
                for product in hidden
            ]
            running += [
                pool.submit(tried, lambda seller=seller: services.create_product(actor=seller, **fields))
                for _ in range(4)
            ]
            answers = [one.result() for one in running]
            assert (answers.count("done"), answers.count("active_products_limit")) == (2, 6)


def restored(product, staff):
    services.restore_product(actor=staff, product_id=product.pk, reason="Papers shown")


def changed(product, staff):
    services.update_product(actor=product.seller, product_id=product.pk, changes={"price": Decimal(5)})


def put_back(product, staff):
    with transaction.atomic():
        locked = Product.objects.select_for_update(of=("self",), no_key=True).get(pk=product.pk)
        services.put_back_on_sale(product=locked)


@pytest.mark.parametrize(
    ("act", "state"),
    [
        (restored, {"status": "hidden"}),
        (changed, {"status": "active"}),
        (put_back, {"status": "sold", "sold_at": timezone.now()}),
    ],
)
def test_what_comes_back_while_its_seller_is_banned_is_in_no_list(act, state):
    staff = make_staff()

    def run(product, start):
        start.wait()
        try:
            act(product, staff)
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


def test_categories_are_there_after_other_transactional_tests():
    assert Category.objects.count() == 12
