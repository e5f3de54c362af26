"""Tests are isolated: rows are deleted after each test, and each worker has separate stores."""

import pytest
from django.conf import settings

from accounts.models import User
from accounts.tests.factories import make_user
from listings.models import Category
from offers.tests.factories import make_offer
from soukloop.core.redis.client import redis_client
from soukloop.core.tests.factories import make_job
from soukloop.realtime.testing.servers import free_port
from soukloop.tests import database

pytestmark = pytest.mark.django_db(transaction=True)


def rows_anywhere() -> dict[str, bool]:
    with database.connection.cursor() as cursor:
        cursor.execute(database._sql_for_filled_tables())
        return dict(cursor.fetchall())


def test_tables_are_empty_after_a_test_that_commits() -> None:
    make_offer()
    make_job()
    assert set(rows_anywhere()) >= {"accounts_user", "offers_offer", "procrastinate_jobs"}
    database.empty_tables()
    assert rows_anywhere() == {}
    assert Category.objects.count() == 12


def test_tables_with_many_rows_are_emptied() -> None:
    make_user()
    User.objects.bulk_create(User(username=f"u{n}", email=f"u{n}@example.com") for n in range(1100))
    assert rows_anywhere()["accounts_user"] is True
    database.empty_tables()
    assert rows_anywhere() == {}
    assert Category.objects.count() == 12


@pytest.mark.parametrize("attempt", ["first", "second"])
def test_categories_that_a_test_changed_are_restored(attempt: str) -> None:
    assert not Category.objects.filter(name="Changed").exists()
    Category.objects.update(name="Changed")


def test_each_worker_has_its_own_redis_database_and_channels(worker_id: str) -> None:
    database_number = redis_client().connection_pool.connection_kwargs["db"]
    assert settings.REDIS_URL.endswith(f"/{database_number}")
    if worker_id != "master":
        assert f"soukloop-{worker_id}" == settings.CHANNEL_PREFIX
        assert worker_id in str(settings.MEDIA_ROOT)
        assert database.connection.settings_dict["NAME"].endswith(f"_{worker_id}")


def test_no_port_is_given_to_two_servers() -> None:
    assert len({free_port() for _ in range(300)}) == 300
