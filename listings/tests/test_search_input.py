"""Unusual input to search and suggestions: punctuation, dashes, invalid parameters."""

from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from listings.tests.factories import make_searchable
from listings.tests.requests import search, search_titles
from soukloop.tests.examples import examples

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "typed",
    [
        "'", '"', '""', "\\", "a:*&|!<->()", "-", "- -", "-nike", "%", "_", "or", "or or or", "🔥🔥", "the",
        "a" * 200, "\u202e\u200f", "' OR 1=1 --", "((((((", "!!!", "$$", "nike & | jordan", "{}", "…", "ـ",
        "ء", "<script>", "1e999",
    ],
)  # fmt: skip
def test_unusual_text_is_answered(typed: Any) -> None:
    make_searchable("Nike Air Jordan")
    assert search(q=typed)["total"] in (0, 1)
    assert APIClient().get("/api/v1/search/suggest", {"q": typed}).status_code == 200


@pytest.mark.parametrize(
    "typed",
    [
        "-" * 33, "- " * 50, "!" * 200, "-" * 60 + "nike", "-!" * 50 + "nike", "nike " + "-(" * 50,
        "－" * 50, "-\u200b" * 50, "-ء" * 50, "-\ufe80" * 50, "nike!" + "-" * 50 + "x nik",
    ],
)  # fmt: skip
def test_any_number_of_dashes_is_answered(typed: Any) -> None:
    make_searchable("Nike Air Jordan")
    assert search(q=typed)["total"] in (0, 1)
    assert APIClient().get("/api/v1/search/suggest", {"q": typed}).status_code == 200


def test_dashes_in_a_title_do_not_break_suggestions() -> None:
    make_searchable("Nike ab!" + "-" * 35 + "yz")
    assert APIClient().get("/api/v1/search/suggest", {"q": "nike ab"}).status_code == 200


def test_runs_of_dashes_exclude_nothing() -> None:
    make_searchable("Nike Air Jordan")
    assert search_titles(q="nike -- jordan") == search_titles(q="nike --jordan") == ["Nike Air Jordan"]
    assert search_titles(q="nike -jordan") == []


_PIECES = [
    "-",
    "!",
    '"',
    "'",
    "(",
    ")",
    "&",
    "|",
    "<->",
    ":*",
    "\\",
    " ",
    " or ",
    "nike",
    "a",
    "ساعة",
    "ء",
    "－",
    "1.5",
]


@hypothesis_settings(
    max_examples=examples(50), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.tuples(st.sampled_from(_PIECES), st.integers(1, 60)), max_size=8).map(
        lambda pieces: "".join(piece * times for piece, times in pieces)
    )
)
@example("-" * 200)
def test_any_text_is_answered_or_refused(typed: Any) -> None:
    for path in ("search", "search/suggest"):
        assert APIClient().get(f"/api/v1/{path}", {"q": typed}).status_code in (200, 400)


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"q": "x" * 5000}, "q"),
        ({"min_price": "cheap"}, "min_price"),
        ({"min_price": "-1"}, "min_price"),
        ({"min_price": "nan"}, "min_price"),
        ({"min_price": "1e99"}, "min_price"),
        ({"min_price": "1e-999999"}, "min_price"),
        ({"max_price": "0e-99999999"}, "max_price"),
        ({"min_price": "1e2"}, "min_price"),
        ({"min_price": "1_0"}, "min_price"),
        ({"min_price": "٥٫٠٠٥"}, "min_price"),
        ({"min_price": "1.005"}, "min_price"),
        ({"min_price": "." * 3}, "min_price"),
        ({"latitude": "1e-320", "longitude": "55"}, "latitude"),
        ({"latitude": "25", "longitude": "-1e-300"}, "longitude"),
        ({"latitude": "25", "longitude": "٥٥"}, "longitude"),
        ({"min_price": "9", "max_price": "1"}, "max_price"),
        ({"sort": "nearest"}, "sort"),
        ({"condition": "broken"}, "condition"),
        ({"feed_type": "all"}, "feed_type"),
        ({"latitude": "25"}, "longitude"),
        ({"cursor": "x"}, "cursor"),
    ],
)
def test_invalid_search_parameter_is_named(params: Any, field: Any) -> None:
    assert list(search(400, **params)["details"]) == [field]


@pytest.mark.parametrize("least", ["٥٠٠", "۵۰۰", "５００", "\u200f٥٠٠\u200f", "٥٠٠٫٠٠"])
def test_a_price_may_be_typed_in_digits_of_other_scripts(least: str) -> None:
    assert search(min_price=least) == search(min_price="500")


def test_nul_is_refused() -> None:
    assert APIClient().get("/api/v1/search?q=a%00b").status_code == 400
    assert APIClient().get("/api/v1/search?q=%ff%fe%ed%a0%80").status_code == 200
