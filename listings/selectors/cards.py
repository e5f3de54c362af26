"""How a product looks in a list, and to whom."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from accounts.blocks import blocked_ids
from accounts.models import User
from accounts.serializers.people import person_card_body
from listings.locations import distance_label
from listings.queries import Place

_CARD = (
    "p.id, p.title, p.price, p.currency, p.category_id, p.condition, p.feed_type, p.status, p.neighborhood,"
    " p.thumbnail_url, p.video_url, p.live_stream_id, p.favorite_count, p.view_count, p.accepts_offers,"
    # As JSON has it: thousands of datetimes a second are not made and written again.
    " to_char(p.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),"
    " s.id, s.username, s.avatar, s.is_verified"
)


@dataclass(frozen=True)
class Viewer:
    """Who looks at a list, and whom they don't see."""

    id: UUID
    hidden: Collection[UUID]


def viewer_for(user: User | None) -> Viewer | None:
    return Viewer(user.pk, blocked_ids(user.pk)) if user else None


def card_columns(place: Place | None, viewer: Viewer | None) -> tuple[str, list[Any]]:
    """Return the columns that `card` reads, of tables `p` and `s`, and their parameters."""
    params: list[Any] = []
    distance = "NULL"
    if place is not None:  # geodesic, on the spheroid
        distance = "ST_Distance(p.public_location, ST_SetSRID(ST_MakePoint(%s, %s), 4326)::geography)"
        params += [place.longitude, place.latitude]
    liked = "false"
    if viewer is not None:
        liked = "EXISTS (SELECT 1 FROM listings_favorite f WHERE f.product_id = p.id AND f.user_id = %s)"
        params.append(viewer.id)
    return f"{distance}, {liked}, {_CARD}", params


def card(row: tuple[Any, ...], start: int) -> dict[str, Any]:
    """Turn the columns from `start` on into what a client sees (contract 2.3, 2.4)."""
    (
        metres, is_favorite,
        pk, title, price, currency, category, condition, feed_type, status, neighborhood,
        thumbnail_url, video_url, live_stream_id, favorite_count, view_count, accepts_offers, created_at,
        seller_id, username, avatar, is_verified,
    ) = row[start : start + 22]  # fmt: skip
    shown = {
        "id": pk,
        "title": title,
        "price": price,
        "currency": currency,
        "category": category,
        "condition": condition,
        "feed_type": feed_type,
        "status": status,
        "neighborhood": neighborhood,
        "thumbnail_url": thumbnail_url or None,
        "video_url": video_url or None,
        "is_live": live_stream_id is not None,
        "live_stream_id": live_stream_id,
        "accepts_offers": accepts_offers,
        "favorite_count": favorite_count,
        "view_count": view_count,
        "is_favorite": is_favorite,
        "created_at": created_at,
        "seller": person_card_body(
            user_id=seller_id, username=f"@{username}", avatar=avatar, is_verified=is_verified
        ),
    }
    if metres is not None:
        distance = round(metres / 1000, 3)
        shown["distance_km"] = distance
        shown["distance_label"] = distance_label(distance)
    return shown
