"""The sum and average of a person's ratings."""

import pytest
from django.db import IntegrityError, transaction
from rest_framework.test import APIClient

from accounts.serializers.people import rating_body
from accounts.services.ratings import add_ratings
from accounts.tests.factories import make_seller, make_user


@pytest.mark.parametrize(
    ("total", "count", "average"),
    [(0, 0, None), (5, 1, 5.0), (9, 2, 4.5), (13, 3, 4.3), (17, 4, 4.3), (85, 20, 4.3), (1, 1, 1.0)],
)
def test_an_average_has_one_decimal_rounded_half_up(total: int, count: int, average: float | None) -> None:
    assert rating_body(total, count) == {"average": average, "count": count}


@pytest.mark.django_db
def test_a_profile_shows_the_average_of_added_ratings() -> None:
    seller = make_seller()
    add_ratings(user_id=seller.pk, total=9, count=2)
    add_ratings(user_id=seller.pk, total=-4, count=-1)
    profile = APIClient().get(f"/api/v1/users/{seller.pk}").json()["data"]
    assert profile["rating"] == {"average": 5.0, "count": 1}


@pytest.mark.django_db
@pytest.mark.parametrize(("total", "count"), [(6, 1), (1, 2), (1, 0)])
def test_the_database_refuses_a_sum_that_the_number_of_ratings_cannot_have(total: int, count: int) -> None:
    user = make_user()
    with pytest.raises(IntegrityError), transaction.atomic():
        add_ratings(user_id=user.pk, total=total, count=count)
