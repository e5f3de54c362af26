"""SQL conditions on products, shared by lists, searches and suggestions."""

from dataclasses import dataclass, field
from typing import Any

from listings.locations import ecef_coordinates
from listings.queries import ListQuery, Place
from listings.selectors.cards import Viewer

LISTED = "p.status = 'active' AND NOT p.seller_closed"
"""The same condition as `listings.models.LISTED`, so that its partial indexes are used."""

_ECEF_POINT = "ST_MakePoint(%s, %s, %s)"  # in the coordinates of `public_xyz`
DISTANCE = f"p.public_xyz <<->> {_ECEF_POINT}"
"""Takes the parameters `ecef(place)`. Has the same order as distances on the ellipsoid (migration 0004)."""


@dataclass
class Where:
    """SQL conditions joined by AND, with their parameters in the same order."""

    parts: list[str] = field(default_factory=list)
    params: list[Any] = field(default_factory=list)

    def add(self, sql: str, *params: Any) -> None:
        self.parts.append(sql)
        self.params.extend(params)

    def copy(self) -> "Where":
        return Where(self.parts.copy(), self.params.copy())

    @property
    def sql(self) -> str:
        return " AND ".join(self.parts)


def listed_for(viewer: Viewer | None) -> Where:
    """Return the conditions for products listed to this viewer."""
    where = Where()
    where.add(LISTED)
    exclude_blocked(where, viewer)
    return where


def exclude_blocked(where: Where, viewer: Viewer | None) -> None:
    """Exclude the products of sellers with whom the viewer has a block."""
    if viewer is not None and viewer.hidden:
        where.add("p.seller_id <> ALL(%s::uuid[])", list(viewer.hidden))


def matching(query: ListQuery, viewer: Viewer | None) -> Where:
    """Return the conditions for listed products that match a query's filters, but not its text."""
    where = listed_for(viewer)
    if query.feed_type:
        where.add("p.feed_type = %s", query.feed_type)
    if query.category:
        where.add("p.category_id = %s", query.category)
    if query.condition:
        where.add("p.condition = %s", query.condition)
    if query.min_price is not None:
        where.add("p.price >= %s", query.min_price)
    if query.max_price is not None:
        where.add("p.price <= %s", query.max_price)
    if query.place is not None:
        metres, point = query.place.radius_km * 1000, ecef(query.place)
        where.add(f"p.public_xyz &&& ST_Expand({_ECEF_POINT}, %s)", *point, metres)
        where.add(f"({DISTANCE}) <= listings_chord(%s)", *point, metres)
    return where


def ecef(place: Place) -> tuple[float, float, float]:
    return ecef_coordinates(place.longitude, place.latitude)
