"""Finding people by any spelling of their email, phone or username."""

from typing import Any

import pytest

from accounts.selectors import user_by_identifier
from accounts.tests.factories import make_user

pytestmark = pytest.mark.django_db


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
def test_a_person_is_found_by_any_spelling(identifier: Any) -> None:
    layla = make_user(email="layla@example.com", username="Layla.m", phone="+971501234567")
    assert user_by_identifier(identifier) == layla


@pytest.mark.parametrize(
    "identifier", ["", "nobody", "layla", "layla@example.co", "05012345678901234567", "İ"]
)
def test_a_similar_identifier_finds_no_user(identifier: Any) -> None:
    make_user(email="layla@example.com", username="Layla.m", phone="+971501234567")
    assert user_by_identifier(identifier) is None
