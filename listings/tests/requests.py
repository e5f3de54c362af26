"""Requests that the tests of lists, search and suggestions share."""

import random
from typing import Any

from django.contrib.gis.geos import Point
from rest_framework.test import APIClient

from listings.tests.factories import make_product

COMMUNITY_FEED = "/api/v1/feeds/community?latitude=25.0772&longitude=55.1369"


def get_data(url: Any, client: Any = None, status: Any = 200) -> Any:
    """Return the `data` of the response, or its `error` for another status than 200."""
    answer = (client or APIClient()).get(url)
    assert answer.status_code == status, answer.content
    return answer.json()["data"] if status == 200 else answer.json()["error"]


def ids_by_cursor(url: Any, between: Any = lambda: None) -> Any:
    """Read a list to its end by cursor and return the ids; call `between` after each page."""
    seen, cursor = [], ""
    while cursor is not None:
        data = get_data(f"{url}&cursor={cursor}")
        seen += [item["id"] for item in data["items"]]
        cursor = data["next_cursor"]
        assert data["has_more"] is (cursor is not None)
        between()
    return seen


def make_scattered(count: Any, spread: Any = 0.03, **fields: Any) -> Any:
    """Save products at random locations around Dubai Marina."""
    rng = random.Random(5)
    return [
        make_product(
            location=Point(
                round(55.1369 + rng.uniform(-spread, spread), 6),
                round(25.0772 + rng.uniform(-spread, spread), 6),
                srid=4326,
            ),
            **fields,
        )
        for _ in range(count)
    ]


def search(status: Any = 200, **params: Any) -> Any:
    """Return the `data` of a search, or its `error` for another status than 200."""
    answer = APIClient().get("/api/v1/search", params)
    assert answer.status_code == status, answer.content
    return answer.json()["data"] if status == 200 else answer.json()["error"]


def search_titles(**params: Any) -> Any:
    """Return the titles that a search finds, in their order."""
    return [item["title"] for item in search(**params)["items"]]


def suggest(text: Any, client: Any = None) -> Any:
    """Return the suggestions for a text."""
    return (client or APIClient()).get("/api/v1/search/suggest", {"q": text}).json()["data"]["items"]
