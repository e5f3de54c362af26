"""Arithmetic on locations: public points for private locations, and coordinates."""

import hashlib
import hmac
import math

from django.conf import settings
from django.contrib.gis.geos import Point

# About 550 m: locations closer together than this usually share one offset.
_CELL_DEGREES = 0.005
_METRES_PER_DEGREE = 111_320
# The ellipsoid of WGS 84.
_EQUATOR_M, _ECCENTRICITY_SQUARED = 6_378_137, 0.00669437999014


def offset_degrees(longitude: float, latitude: float, *, seller_id: object) -> tuple[float, float]:
    """Return the offset of the public point in degrees (east, north), at most LOCATION_OFFSET_MAX_M long.

    It depends on the seller and the location, not on the product: all products listed at a home have the same
    public point, so the home can't be found by averaging many of them.
    """
    cell = f"{math.floor(latitude / _CELL_DEGREES)}:{math.floor(longitude / _CELL_DEGREES)}"
    digest = hmac.digest(
        settings.LOCATION_SECRET.encode(), f"public_point:{seller_id}:{cell}".encode(), hashlib.sha256
    )
    angle = int.from_bytes(digest[:8]) / 2**64 * math.tau
    # At least half of the maximum, to hide the location. The 1 % allows for the error of flat geometry.
    metres = settings.LOCATION_OFFSET_MAX_M * 0.99 * (0.5 + int.from_bytes(digest[8:16]) / 2**65)
    east = metres * math.sin(angle) / (_METRES_PER_DEGREE * max(0.01, math.cos(math.radians(latitude))))
    return east, metres * math.cos(angle) / _METRES_PER_DEGREE


def public_point(location: Point, *, seller_id: object) -> Point:
    """Return the point that replaces a private location in lists and distances."""
    east, north = offset_degrees(location.x, location.y, seller_id=seller_id)
    longitude = (location.x + east + 180) % 360 - 180
    latitude = min(90.0, max(-90.0, location.y + north))
    return Point(round(longitude, 6), round(latitude, 6), srid=4326)


def ecef_coordinates(longitude: float, latitude: float) -> tuple[float, float, float]:
    """Return a location in Earth-centred, Earth-fixed metres, as the SQL function `listings_xyz` does.

    Computed here because PostgreSQL would evaluate the function each time it occurs in a statement.
    """
    phi, lambda_ = math.radians(latitude), math.radians(longitude)
    n = _EQUATOR_M / math.sqrt(1 - _ECCENTRICITY_SQUARED * math.sin(phi) ** 2)
    return (
        n * math.cos(phi) * math.cos(lambda_),
        n * math.cos(phi) * math.sin(lambda_),
        n * (1 - _ECCENTRICITY_SQUARED) * math.sin(phi),
    )
