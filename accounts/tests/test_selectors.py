"""Blocks seen from both sides; finding people by any spelling of what they are called."""

import pytest

from accounts.models import User
from accounts.selectors import blocked_between, blocked_ids, is_blocked_between, user_by_identifier
from accounts.tests.factories import block, make_user

pytestmark = pytest.mark.django_db


def test_a_block_hides_both_ways():
    blocker, blocked, bystander = make_user(), make_user(), make_user()
    block(blocker, blocked)

    assert blocked_ids(blocker.pk) == {blocked.pk}
    assert blocked_ids(blocked.pk) == {blocker.pk}
    assert blocked_ids(bystander.pk) == set()
    assert is_blocked_between(blocker.pk, blocked.pk)
    assert is_blocked_between(blocked.pk, blocker.pk)
    assert not is_blocked_between(blocker.pk, bystander.pk)
    assert set(User.objects.exclude(blocked_between(blocked.pk, "pk"))) == {blocked, bystander}
    assert set(User.objects.exclude(blocked_between(blocker.pk, "pk"))) == {blocker, bystander}


@pytest.mark.parametrize(
    "identifier",
    [
        "Layla@Example.com",
        " layla@example.com ",
        "LAYLA.m",
        "layla.m",
        "+971501234567",
        "+971 50 123 4567",
        "050 123 4567",
        "00971501234567",
        "٠٥٠١٢٣٤٥٦٧",
    ],
)
def test_a_person_is_found_by_any_spelling(identifier):
    layla = make_user(email="layla@example.com", username="Layla.m", phone="+971501234567")
    assert user_by_identifier(identifier) == layla


@pytest.mark.parametrize(
    "identifier", ["", "nobody", "layla", "layla@example.co", "05012345678901234567", "İ"]
)
def test_nobody_is_found_by_what_is_close(identifier):
    make_user(email="layla@example.com", username="Layla.m", phone="+971501234567")
    assert user_by_identifier(identifier) is None
