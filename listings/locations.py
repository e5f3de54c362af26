"""Points on the map: the public one that stands for a private one, and distances in words."""

import hashlib
import hmac
import math

from django.conf import settings
from django.contrib.gis.geos import Point

# About 550 m: points closer than that to each other mostly share one offset.
_CELL_DEGREES = 0.005
_METRES_PER_DEGREE = 111_320
# WGS 84's ellipsoid.
_EQUATOR_M, _ECCENTRICITY_SQUARED = 6_378_137, 0.00669437999014

_LABELS = (
    (1, "Walking distance"),
    (5, "Short drive"),
    (20, "Across town"),
    (60, "A drive away"),
)


def offset_degrees(longitude: float, latitude: float, *, seller_id: object) -> tuple[float, float]:
    """Return how far east and north the public point lies, in degrees; at most LOCATION_OFFSET_MAX_M.

    The offset hangs on the seller and the place, not on the product: whoever lists fifty things at home, or
    the same thing every week, always stands at the same false point: no average leads to the true one.
    """
    cell = f"{math.floor(latitude / _CELL_DEGREES)}:{math.floor(longitude / _CELL_DEGREES)}"
    digest = hmac.digest(
        settings.SECRET_KEY.encode(), f"public_point:{seller_id}:{cell}".encode(), hashlib.sha256
    )
    angle = int.from_bytes(digest[:8]) / 2**64 * math.tau
    # From a half to the whole: an offset near zero would be none. The 1 % is for the flat-earth arithmetic.
    metres = settings.LOCATION_OFFSET_MAX_M * 0.99 * (0.5 + int.from_bytes(digest[8:16]) / 2**65)
    east = metres * math.sin(angle) / (_METRES_PER_DEGREE * max(0.01, math.cos(math.radians(latitude))))
    return east, metres * math.cos(angle) / _METRES_PER_DEGREE


def public_point(location: Point, *, seller_id: object) -> Point:
    """Return the point that others measure distances to."""
    east, north = offset_degrees(location.x, location.y, seller_id=seller_id)
    longitude = (location.x + east + 180) % 360 - 180
    latitude = min(90.0, max(-90.0, location.y + north))
    return Point(round(longitude, 6), round(latitude, 6), srid=4326)


def ecef_coordinates(longitude: float, latitude: float) -> tuple[float, float, float]:
    """Return where a place is from the Earth's centre: what `listings_xyz` returns, to the rounding.

    Worked out here, PostgreSQL's planner doesn't do it again wherever a statement names the place.
    """
    phi, lambda_ = math.radians(latitude), math.radians(longitude)
    n = _EQUATOR_M / math.sqrt(1 - _ECCENTRICITY_SQUARED * math.sin(phi) ** 2)
    return (
        n * math.cos(phi) * math.cos(lambda_),
        n * math.cos(phi) * math.sin(lambda_),
        n * (1 - _ECCENTRICITY_SQUARED) * math.sin(phi),
    )


def distance_label(distance_km: float) -> str:
    """Say a distance as a person would (contract 2.4: "Walking distance")."""
    for limit, label in _LABELS:
        if distance_km < limit:
            return label
    return "Far away"
