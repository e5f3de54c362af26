"""The requests that are measured, and the statements that the project sends for each of them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from soukloop.core.db.reads import Statement

PLACES = [
    (25.0805, 55.1403),
    (25.1972, 55.2744),
    (25.2711, 55.3075),
    (25.0693, 55.1417),
    (24.4764, 54.3408),
    (25.3236, 55.3863),
    (25.4052, 55.5136),
    (24.2075, 55.7447),
]
SORTS = ("recent", "popular", "price_low", "price_high")


@dataclass(frozen=True)
class Scenario:
    """A handful of different URLs in turn, requested anonymously or by somebody who is logged in."""

    name: str
    paths: list[str]
    authorization: str = ""


Statements = dict[str, list["Statement"]]  # by URL


def scenarios() -> list[Scenario]:
    """Return the scenarios for the catalogue that Django is connected to."""
    from accounts.tokens import access_token_for  # noqa: PLC0415 - Django must be set up first
    from listings.models import Product, SearchWord  # noqa: PLC0415
    from soukloop.core.http.pagination import encode_cursor  # noqa: PLC0415

    listed = (
        Product.objects.filter(
            status="active", feed_type="discover", seller_closed=False, live_stream_id__isnull=True
        )
        .select_related("seller")
        .order_by("-created_at", "-id")
    )
    count = listed.count()
    # Many different ones, as everybody's next page differs: caching by URL must not help here.
    deep = [product for tenth in range(1, 10) for product in listed[count * tenth // 10 :][:40]]
    words = list(SearchWord.objects.order_by("-uses", "word").values_list("display", flat=True)[:160:20])
    return [
        Scenario("discover", [f"/api/v1/feeds/discover?sort={sort}" for sort in SORTS]),
        Scenario(
            "discover, logged in",
            [f"/api/v1/feeds/discover?sort={sort}&per_page=20" for sort in SORTS],
            f"Bearer {access_token_for(deep[0].seller)}",
        ),
        Scenario(
            "community, nearest",
            [
                f"/api/v1/feeds/community?latitude={latitude}&longitude={longitude}"
                for latitude, longitude in PLACES
            ],
        ),
        Scenario(
            "discover, deep by cursor",
            [
                "/api/v1/feeds/discover?cursor="
                + encode_cursor("recent", False, product.created_at.isoformat(), product.pk)
                for product in deep
            ],
        ),
        Scenario("search with facets", [f"/api/v1/search?q={quote(word)}" for word in words]),
    ]


def statements_of(asked: list[Scenario]) -> Statements:
    """Return the statements that the project sends for each URL; the last one returns the page."""
    from django.db import connection  # noqa: PLC0415
    from django.http import QueryDict  # noqa: PLC0415

    from listings.fast_reads import ROUTES, viewer_from_header  # noqa: PLC0415
    from soukloop.core.db.reads import Reads, fetch  # noqa: PLC0415

    def record(reads: Reads[Any], sent: list["Statement"]) -> Any:
        statement = next(reads)
        while True:
            sent.append(statement)
            try:
                statement = reads.send(fetch(statement))
            except StopIteration as end:
                return end.value

    statements: Statements = {}
    for scenario in asked:
        for path in scenario.paths:
            url = urlsplit(path)
            sent = statements[path] = []
            viewer = None
            if scenario.authorization:
                viewer = record(viewer_from_header(scenario.authorization), sent)
            record(ROUTES[url.path].select(ROUTES[url.path].parse(QueryDict(url.query)), viewer=viewer), sent)
    connection.close()
    return statements
