"""The feeds as FastAPI, SQLAlchemy and asyncpg answer them: the same statements, the same shape.

Statements come ready made, by URL, from the file that FEEDS_STATEMENTS names; nothing limits rates and nobody
is logged in. So it does less than the project does, never more.
"""

import base64
import json
import os
import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import FastAPI, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

KINDS: dict[str, Callable[[str], Any]] = {
    "str": str,
    "int": int,
    "float": float,
    "Decimal": Decimal,
    "datetime": datetime.fromisoformat,
    "UUID": UUID,
}
PRICES = [100, 250, 500, 1000, 2500, 5000, 10_000]
CONDITIONS = {"new": "New", "like_new": "Like new", "good": "Good", "fair": "Fair"}
PerPage = Annotated[int, Query(ge=1, le=100)]
Latitude = Annotated[float, Query(ge=-90, le=90)]
Longitude = Annotated[float, Query(ge=-180, le=180)]


def _numbered(sql: str) -> str:
    """Turn psycopg's placeholders into asyncpg's."""
    number = 0

    def place(match: re.Match[str]) -> str:
        nonlocal number
        if match[0] == "%%":
            return "%"
        number += 1
        return f"${number}"

    return re.sub("%[s%]", place, sql)


STATEMENTS = {
    path: [
        (_numbered(sql), tuple(KINDS[kind](value) for kind, value in params), has_one_plan)
        for sql, params, has_one_plan in sent
    ]
    for path, sent in json.loads(Path(os.environ["FEEDS_STATEMENTS"]).read_text()).items()
}


def _engine(plans: str) -> AsyncEngine:
    """Connect with the settings of the project's connections."""
    settings = {"max_parallel_workers_per_gather": "0", "jit": "off", "plan_cache_mode": plans}
    return create_async_engine(
        os.environ["FEEDS_DATABASE_URL"],
        isolation_level="AUTOCOMMIT",
        pool_size=8,
        max_overflow=0,
        pool_use_lifo=True,  # as the project does: the backend that worked last has what it needs at hand
        connect_args={"server_settings": settings},
    )


# asyncpg prepares everything. Where the best plan hangs on a place or a word, the planner must see it.
engines = {True: _engine("auto"), False: _engine("force_custom_plan")}
app = FastAPI()


@app.get("/api/v1/feeds/discover")
async def discover(
    request: Request, per_page: PerPage = 20, cursor: str = "", sort: str = "recent"
) -> Response:
    return _answer(await _page(request, per_page, sort))


@app.get("/api/v1/feeds/community")
async def community(
    request: Request,
    latitude: Latitude,
    longitude: Longitude,
    radius_km: float = 5,
    per_page: PerPage = 20,
    sort: str = "nearest",
) -> Response:
    return _answer(await _page(request, per_page, sort))


@app.get("/api/v1/search")
async def search(request: Request, q: str, per_page: PerPage = 20) -> Response:
    rows = await _rows(request)
    counted, facets = rows[0][:2]
    found = [row for row in rows if row[2] is not None]
    more = len(found) > per_page
    found = found[:per_page]
    cursor = _cursor("relevance", found[-1][2], found[-1][3], str(found[-1][6])) if more else None
    body = _body([_card(row[4:]) for row in found], per_page, counted, cursor)
    counts = json.loads(facets) if isinstance(facets, str) else facets or []
    ranges = sorted((bucket, n) for kind, _, _, bucket, n in counts if kind == 0b110)
    body["facets"] = {
        "categories": [{"category": slug, "count": n} for kind, slug, _, _, n in counts if kind == 0b011],
        "price_ranges": [{**_range(bucket), "count": n} for bucket, n in ranges],
        "conditions": [{"condition": name, "count": n} for kind, _, name, _, n in counts if kind == 0b101],
    }
    body["corrected_query"] = None
    return _answer(body)


async def _rows(request: Request) -> list[Any]:
    statements = STATEMENTS[f"{request.url.path}?{request.url.query}"]
    async with engines[statements[-1][2]].connect() as connection:
        for sql, params, _ in statements:
            rows = list((await connection.exec_driver_sql(sql, params)).all())
    return rows


async def _page(request: Request, per_page: int, sort: str) -> dict[str, Any]:
    rows = await _rows(request)
    counted = rows[0][0]
    rows = [row for row in rows if row[5] is not None]
    more = len(rows) > per_page
    rows = rows[:per_page]
    cursor = None
    if more:
        cursor = _cursor(sort, bool(rows[-1][2]), rows[-1][1], str(rows[-1][5]))
    return _body([_card(row[3:]) for row in rows], per_page, counted, cursor)


def _cursor(*position: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(position, default=str)).decode().rstrip("=")


def _body(items: list[dict[str, Any]], per_page: int, counted: int, cursor: str | None) -> dict[str, Any]:
    return {
        "items": items,
        "page": 1,
        "per_page": per_page,
        "total": counted,
        "total_is_exact": True,
        "has_more": cursor is not None,
        "next_cursor": cursor,
    }


def _answer(body: dict[str, Any]) -> Response:
    return Response(orjson.dumps({"success": True, "data": body}, default=str), media_type="application/json")


def _range(bucket: int) -> dict[str, Any]:
    least = PRICES[bucket - 1] if bucket else 0
    most = PRICES[bucket] if bucket < len(PRICES) else None
    label = f"AED {least}+" if most is None else f"AED {least}-{most}"
    return {"label": label, "min_price": least, "max_price": most}


def _picture(url: str | None) -> dict[str, Any] | None:
    return {"url": url, "width": None, "height": None, "blurhash": None, "sizes": []} if url else None


def _card(row: Any) -> dict[str, Any]:
    (
        metres, is_favorite,
        pk, title, price, currency, category, condition, feed_type, status, neighborhood,
        thumbnail_url, image_url, video_url, live_stream_id, favorite_count, view_count, accepts_offers,
        created_at, seller_id, username, avatar, is_verified, rating_sum, rating_count,
    ) = row  # fmt: skip
    shown = {
        "id": pk,
        "title": title,
        "price": float(price),
        "price_display": f"{currency} {price:,.2f}",
        "currency": currency,
        "category": category,
        "condition": condition,
        "condition_label": CONDITIONS[condition],
        "feed_type": feed_type,
        "status": status,
        "neighborhood": neighborhood,
        "thumbnail_url": thumbnail_url or None,
        "image": _picture(image_url),
        "video_url": video_url or None,
        "is_live": live_stream_id is not None,
        "live_stream_id": live_stream_id,
        "accepts_offers": accepts_offers,
        "favorite_count": favorite_count,
        "view_count": view_count,
        "is_favorite": is_favorite,
        "created_at": created_at,
        "seller": {
            "id": seller_id,
            "username": f"@{username}",
            "avatar_url": avatar or None,
            "avatar": _picture(avatar),
            "is_verified": is_verified,
            "rating": {
                "average": (20 * rating_sum + rating_count) // (2 * rating_count) / 10
                if rating_count
                else None,
                "count": rating_count,
            },
        },
    }
    if metres is not None:
        shown["distance_km"] = round(metres / 1000, 3)
        shown["distance_label"] = f"{metres / 1000:.1f} km away"
    return shown
