"""Cards: products as lists show them, each read from one row of SQL."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from accounts.blocks import blocked_ids
from accounts.models import User
from accounts.serializers.people import person_card_body, rating_body
from listings.labels import condition_label, distance_fields
from listings.queries import Place
from soukloop.core.http.languages import active_language
from soukloop.core.images import picture_at
from soukloop.core.money import price_display

_PRODUCT_AND_SELLER = (
    "p.id, p.title, p.price, p.currency, p.category_id, p.condition, p.feed_type, p.status, p.neighborhood,"
    " p.thumbnail_url, coalesce(p.image_urls[1], p.video_thumbnail_url), p.video_url, p.live_stream_id,"
    " p.favorite_count, p.view_count, p.accepts_offers,"
    # Formatted as in JSON, which saves parsing and formatting thousands of datetimes a second.
    " to_char(p.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),"
    " s.id, s.username, s.avatar, s.is_verified, s.rating_sum, s.rating_count"
)


@dataclass(frozen=True)
class Viewer:
    """The user who reads a list, the ids of the users with whom they have a block, and their language."""

    id: UUID
    hidden: Collection[UUID]
    language: str


class CardRow(NamedTuple):
    """The columns of `card_columns`. In a row without a product, all but `is_favorite` are None."""

    metres: float | None
    is_favorite: bool
    id: UUID | None
    title: str
    price: Decimal
    currency: str
    category_id: str
    condition: str
    feed_type: str
    status: str
    neighborhood: str
    thumbnail_url: str
    image_url: str
    video_url: str
    live_stream_id: UUID | None
    favorite_count: int
    view_count: int
    accepts_offers: bool
    created_at: str
    seller_id: UUID
    seller_username: str
    seller_avatar: str
    seller_is_verified: bool
    seller_rating_sum: int
    seller_rating_count: int


def card_row(columns: Sequence[Any]) -> CardRow:
    """Return a row's columns by name. `CardRow._make` also checks their number, and takes twice as long."""
    return tuple.__new__(CardRow, columns)


def viewer_for(user: User | None) -> Viewer | None:
    return Viewer(user.pk, blocked_ids(user.pk), user.language) if user else None


def card_columns(place: Place | None, viewer: Viewer | None) -> tuple[str, list[Any]]:
    """Return the SQL columns of a `CardRow`, from products `p` and sellers `s`, with their parameters."""
    params: list[Any] = []
    distance = "NULL"
    if place is not None:  # geodesic, on the spheroid
        distance = "ST_Distance(p.public_location, ST_SetSRID(ST_MakePoint(%s, %s), 4326)::geography)"
        params += [place.longitude, place.latitude]
    is_favorite = "false"
    if viewer is not None:
        is_favorite = "EXISTS (SELECT FROM listings_favorite f WHERE f.product_id = p.id AND f.user_id = %s)"
        params.append(viewer.id)
    return f"{distance}, {is_favorite}, {_PRODUCT_AND_SELLER}", params


def cards(rows: Iterable[CardRow]) -> list[dict[str, Any]]:
    """Return products as clients see them in a list (contract 2.3, 2.4)."""
    language = active_language()
    return [_card(row, language) for row in rows]


def _card(row: CardRow, language: str) -> dict[str, Any]:
    # Unpacked, because reading 24 attributes of a named tuple takes a fifth of the time of a card.
    (
        metres, is_favorite,
        product_id, title, price, currency, category, condition, feed_type, status, neighborhood,
        thumbnail_url, image_url, video_url, live_stream_id, favorite_count, view_count, accepts_offers,
        created_at, seller_id, seller_username, seller_avatar, seller_is_verified, rating_sum, rating_count,
    ) = row  # fmt: skip
    shown: dict[str, Any] = {
        "id": product_id,
        "title": title,
        "price": price,
        "price_display": price_display(price, currency, language),
        "currency": currency,
        "category": category,
        "condition": condition,
        "condition_label": condition_label(condition, language),
        "feed_type": feed_type,
        "status": status,
        "neighborhood": neighborhood,
        "thumbnail_url": thumbnail_url or None,
        "image": picture_at(image_url),
        "video_url": video_url or None,
        "is_live": live_stream_id is not None,
        "live_stream_id": live_stream_id,
        "accepts_offers": accepts_offers,
        "favorite_count": favorite_count,
        "view_count": view_count,
        "is_favorite": is_favorite,
        "created_at": created_at,
        "seller": person_card_body(
            user_id=seller_id,
            username=f"@{seller_username}",
            avatar=seller_avatar,
            is_verified=seller_is_verified,
        )
        | {"rating": rating_body(rating_sum, rating_count)},
    }
    if metres is not None:
        shown |= distance_fields(metres, language)
    return shown
