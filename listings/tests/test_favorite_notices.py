"""People are notified of favourites that are sold or cost less, and of their own products that staff hide."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import Mute, User
from accounts.tests.factories import block, make_staff, make_user
from listings import services, tasks
from listings.models import FavoriteNotice, PriceChange, Product
from listings.services.favorites import add_favorite, remove_favorite
from listings.tests.factories import make_product
from notifications.models import Notification
from notifications.services import notify
from notifications.services.inbox import mark_read
from notifications.tests.factories import text_of
from notifications.texts import Text

pytestmark = pytest.mark.django_db


def favor(product: Product, *people: User) -> None:
    for person in people:
        add_favorite(actor=person, product_id=product.pk)
    product.refresh_from_db()


def change_price(product: Product, price: str) -> None:
    services.update_product(actor=product.seller, product_id=product.pk, changes={"price": Decimal(price)})


def texts_of(user: User, language: str = "en") -> list[Text]:
    rows = Notification.objects.filter(user=user).order_by("created_at")
    return [text_of(row, language) for row in rows]


class TestSold:
    def test_people_whose_favorite_was_sold_are_notified_once(self, run_jobs: Any) -> None:
        product, fan = make_product(title="Nike"), make_user()
        favor(product, fan, product.seller)
        services.mark_sold(product=product)
        assert not Notification.objects.exists()
        assert run_jobs() == ["listings.notify_of_sale"]
        assert texts_of(fan) == [("One of your favourites was sold", "Nike")]
        assert texts_of(fan, "ar") == [("بيع أحد منتجاتك المفضلة", "Nike")]
        row = Notification.objects.get()
        assert (row.kind, row.data, row.actor_id) == (
            "favorite_sold",
            {"product_id": str(product.pk)},
            product.seller_id,
        )
        job = ProcrastinateJob.objects.get(task_name="listings.notify_of_sale")
        tasks.notify_of_sale(**job.args)
        assert Notification.objects.get().version == 1

    def test_blocked_muting_and_otherwise_notified_people_and_those_who_left_are_not(
        self, run_jobs: Any
    ) -> None:
        product = make_product()
        blocked, muting, buyer, former, fan = (make_user() for _ in range(5))
        favor(product, blocked, muting, buyer, former, fan)
        block(product.seller, blocked)
        Mute.objects.create(muter=muting, muted=product.seller)
        services.mark_sold(product=product, notified=[buyer.pk])
        remove_favorite(actor=former, product_id=product.pk)
        run_jobs()
        assert Notification.objects.get().user_id == fan.pk

    def test_a_sale_that_was_cancelled_before_the_job_runs_is_no_notification(self, run_jobs: Any) -> None:
        product = make_product()
        favor(product, make_user())
        services.mark_sold(product=product)
        services.put_back_on_sale(product=product)
        run_jobs()
        assert not Notification.objects.exists()

    def test_a_sale_that_was_rolled_back_is_no_notification(self, run_jobs: Any) -> None:
        product = make_product()
        favor(product, make_user())
        with transaction.atomic():
            services.mark_sold(product=product)
            transaction.set_rollback(True)
        assert run_jobs() == []

    def test_a_product_that_is_nobodys_favorite_takes_no_job(self, run_jobs: Any) -> None:
        product = make_product()
        services.mark_sold(product=product)
        change_price(other := make_product(), "1")
        assert run_jobs() == []
        assert PriceChange.objects.get().product == other

    def test_a_popular_product_is_told_of_in_batches(
        self, run_jobs: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(notify, "BATCH_SIZE", 2)
        product = make_product()
        favor(product, *(make_user() for _ in range(5)))
        services.mark_sold(product=product)
        assert run_jobs() == ["listings.notify_of_sale", *["notifications.write_batch"] * 3]
        assert Notification.objects.values("user").distinct().count() == 5


class TestPriceDrop:
    @pytest.fixture
    def clock(self) -> Any:
        with time_machine.travel(timezone.now(), tick=False) as traveller:
            yield traveller

    @pytest.fixture
    def told(self, clock: Any, run_jobs: Any) -> Any:
        """Return a function that lets time pass, runs the jobs, and returns the titles told since then."""

        def after(user: User, **passed: int) -> list[str]:
            mark_read(actor=user, ids=None)
            clock.shift(timedelta(**passed))
            run_jobs()
            rows = Notification.objects.filter(user=user).unread().order_by("created_at")
            return [text_of(row).title for row in rows]

        return after

    def test_a_lower_price_is_told_after_a_short_while_in_both_languages(self, told: Any) -> None:
        product, fan = make_product(title="Nike", price="850"), make_user()
        favor(product, fan, product.seller)
        change_price(product, "680")
        assert told(fan, minutes=1) == []
        assert told(fan, minutes=1) == ["Now AED 680.00 instead of AED 850.00"]
        assert texts_of(fan, "ar") == [("الآن بسعر 680.00 د.إ. بدلًا من 850.00 د.إ.", "Nike")]
        assert texts_of(product.seller) == []
        assert Notification.objects.get().data == {"product_id": str(product.pk)}

    def test_a_mistyped_price_that_is_corrected_is_neither_told_nor_counted(self, told: Any) -> None:
        product, fan = make_product(price="850"), make_user()
        favor(product, fan)
        change_price(product, "8.50")
        assert told(fan, minutes=1) == []
        change_price(product, "850")
        assert told(fan, minutes=5) == []
        change_price(product, "800")
        assert told(fan, minutes=5) == ["Now AED 800.00 instead of AED 850.00"]

    @pytest.mark.parametrize(("price", "count"), [("807.51", 0), ("807.50", 1), ("900", 0)])
    def test_only_a_drop_of_five_percent_is_told(self, told: Any, price: str, count: int) -> None:
        product, fan = make_product(price="850"), make_user()
        favor(product, fan)
        change_price(product, price)
        assert len(told(fan, minutes=5)) == count

    def test_a_price_that_is_raised_and_lowered_again_is_no_news(self, told: Any) -> None:
        product, fan = make_product(price="100"), make_user()
        favor(product, fan)
        change_price(product, "200")
        assert told(fan, days=2) == []
        change_price(product, "100")
        assert told(fan, days=2) == []
        change_price(product, "90")
        assert told(fan, days=2) == ["Now AED 90.00 instead of AED 100.00"]
        for price in ("120", "90"):
            change_price(product, price)
            assert told(fan, days=2) == []
        change_price(product, "120")
        assert told(fan, days=40) == []
        change_price(product, "90")
        assert told(fan, days=1) == ["Now AED 90.00 instead of AED 120.00"], "the time before is forgotten"

    def test_a_second_drop_on_the_same_day_is_told_a_day_later(self, told: Any) -> None:
        product, fan = make_product(price="100"), make_user()
        favor(product, fan)
        change_price(product, "90")
        assert told(fan, minutes=5) == ["Now AED 90.00 instead of AED 100.00"]
        change_price(product, "50")
        assert told(fan, hours=1) == []
        change_price(product, "40")
        assert told(fan, hours=20) == []
        assert told(fan, hours=4) == ["Now AED 40.00 instead of AED 50.00"]
        assert told(fan, days=3) == []

    def test_a_product_that_is_not_on_sale_any_more_is_not_told_of(self, told: Any) -> None:
        product, fan = make_product(price="100"), make_user()
        favor(product, fan)
        change_price(product, "50")
        services.hide_product(actor=make_staff(), product_id=product.pk, reason="Counterfeit")
        assert told(fan, minutes=5) == []

    def test_a_job_that_runs_twice_notifies_once(self, told: Any) -> None:
        product, fan = make_product(price="100"), make_user()
        favor(product, fan)
        change_price(product, "50")
        assert len(told(fan, minutes=5)) == 1
        tasks.notify_of_price_drop(product_id=str(product.pk))
        assert (Notification.objects.count(), FavoriteNotice.objects.count()) == (1, 1)

    def test_a_change_that_was_rolled_back_is_no_notification(self, told: Any) -> None:
        product, fan = make_product(price="100"), make_user()
        favor(product, fan)
        with transaction.atomic():
            change_price(product, "50")
            transaction.set_rollback(True)
        assert told(fan, minutes=5) == []

    def test_old_prices_are_deleted(self, clock: Any) -> None:
        product = make_product(price="100")
        change_price(product, "90")
        clock.shift(timedelta(days=29))
        change_price(product, "95")
        clock.shift(timedelta(days=2))
        tasks.delete_old_favorite_notices(timestamp=0)
        assert [each.new_price for each in PriceChange.objects.all()] == [Decimal(95)]


class TestHiding:
    def test_the_seller_is_told_that_staff_hid_a_product_and_why_and_that_it_is_shown_again(self) -> None:
        product, staff = make_product(title="Nike"), make_staff()
        services.hide_product(actor=staff, product_id=product.pk, reason="Counterfeit")
        services.restore_product(actor=staff, product_id=product.pk, reason="Receipt seen")
        assert texts_of(product.seller) == [
            ("Our staff hid your product", "Nike. Reason: Counterfeit"),
            ("Your product is shown again", "Nike"),
        ]
        assert texts_of(product.seller, "ar") == [
            ("أخفى فريقنا منتجك", "Nike. السبب: Counterfeit"),
            ("منتجك معروض من جديد", "Nike"),
        ]

    def test_hiding_that_was_rolled_back_is_no_notification(self) -> None:
        product = make_product()
        with transaction.atomic():
            services.hide_product(actor=make_staff(), product_id=product.pk, reason="Counterfeit")
            transaction.set_rollback(True)
        assert not Notification.objects.exists()
