"""Pages and cursors: limits, and refusal of invalid values."""

import itertools
from typing import Any
from uuid import UUID, uuid4

import pytest
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from soukloop.core.errors import ValidationFailed
from soukloop.core.http.pagination import (
    Page,
    cursor_number,
    cursor_time,
    decode_cursor,
    encode_cursor,
    page_body,
    page_of,
)


def asked(**query: Any) -> Page:
    return page_of(Request(APIRequestFactory().get("/", query)))


def test_page_and_page_size_have_defaults_and_bounds() -> None:
    assert asked() == Page(1, 20)
    assert asked(page=3, per_page=100) == Page(3, 100)
    assert Page(3, 20).offset == 40


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "x", "101", "٣", "1e3", "99999999999999999999", " 1"])
def test_a_wrong_page_size_is_refused_by_name(value: str) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        asked(per_page=value)
    assert list(refusal.value.details) == ["per_page"]


@pytest.mark.parametrize(("count", "total", "more"), [(20, 41, True), (20, 40, False), (1, 21, False)])
def test_has_more_is_true_only_if_another_row_follows(count: int, total: int, more: bool) -> None:
    assert page_body([0] * count, Page(2, 20), total)["has_more"] is more


def test_a_decoded_cursor_equals_what_was_encoded() -> None:
    position = ("2026-01-01T00:00:00Z", uuid4())
    assert decode_cursor(encode_cursor(*position), str, UUID) == list(position)


@pytest.mark.parametrize(
    "cursor", ["x", "", "é", "W10", encode_cursor(1), encode_cursor("a", "b"), "A" * 5000, "\x00"]
)
def test_a_forged_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(ValidationFailed):
        decode_cursor(cursor, str, UUID)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        *itertools.product((5, [], {}, 1.5, True, None), (UUID,)),
        *itertools.product(
            ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", 5, None), (cursor_time,)
        ),
        *itertools.product(("1e-999999", "1e999999", "NaN", "-Infinity", "x", [], None), (cursor_number,)),
    ],
)
def test_a_forged_value_in_a_cursor_is_refused(value: Any, kind: Any) -> None:
    with pytest.raises(ValidationFailed):
        decode_cursor(encode_cursor(value), kind)
