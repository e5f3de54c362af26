"""Locations: coordinates, distances, and the protection of a seller's home in lists."""

import math
from typing import Any

import pytest
from django.contrib.gis.geos import Point
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.tests.factories import make_seller
from listings.labels import distance_label
from listings.locations import ecef_coordinates, public_point
from listings.tests.factories import make_product
from listings.tests.requests import get_data
from soukloop.tests.examples import examples

pytestmark = pytest.mark.django_db


def metres_between(one: Any, other: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ST_Distance(ST_GeogFromText(%s), ST_GeogFromText(%s), true)", [one.ewkt, other.ewkt]
        )
        return cursor.fetchone()[0]


def random_degrees(most: Any) -> Any:
    return st.floats(-most, most).map(lambda value: round(value, 9))


@given(longitude=random_degrees(180), latitude=random_degrees(90))
@settings(max_examples=examples(50))
def test_ecef_coordinates_equal_those_of_the_database(longitude: Any, latitude: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ST_3DDistance(listings_xyz(ST_SetSRID(ST_MakePoint(%s, %s), 4326)::geography),"
            " ST_MakePoint(%s, %s, %s))",
            [longitude, latitude, *ecef_coordinates(longitude, latitude)],
        )
        [[off]] = cursor.fetchall()
    assert off < 1e-6


def test_trilateration_finds_the_public_point_and_not_the_home() -> None:
    home = Point(55.1402, 25.0805, srid=4326)
    product = make_product(location=home)
    # Measure from many places around, and search for the point that fits all distances best.
    measured = []
    for step in range(24):
        angle, reach = step / 24 * math.tau, 0.01 + 0.0007 * step
        latitude, longitude = 25.0805 + reach * math.sin(angle), 55.1402 + reach * math.cos(angle)
        [item] = get_data(f"/api/v1/feeds/community?latitude={latitude}&longitude={longitude}&radius_km=10")[
            "items"
        ]
        measured.append((Point(longitude, latitude, srid=4326), item["distance_km"] * 1000))
    guess = [55.1402, 25.0805]
    for scale in (1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6):
        for _ in range(60):
            around = [
                (guess[0] + dx * scale, guess[1] + dy * scale) for dx in (-1, 0, 1) for dy in (-1, 0, 1)
            ]
            best = min(around, key=lambda at: _misfit(at, measured))
            if list(best) == guess:
                break
            guess = list(best)
    found = Point(guess[0], guess[1], srid=4326)
    assert metres_between(found, product.public_location) < 5
    assert 100 < metres_between(found, home) <= 250


def _misfit(at: Any, measured: Any) -> Any:
    return sum(
        (
            math.hypot(
                (at[0] - point.x) * 111_320 * math.cos(math.radians(25.08)) * 1.0009,
                (at[1] - point.y) * 110_800,
            )
            - distance
        )
        ** 2
        for point, distance in measured
    )


@given(
    latitude=st.floats(-89, 89).map(lambda value: round(value, 6)),
    longitude=st.floats(-180, 180).map(lambda value: round(value, 6)),
    seller=st.uuids(),
)
@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_public_point_is_stable_and_at_most_250_metres_away(
    latitude: Any, longitude: Any, seller: Any
) -> None:
    home = Point(longitude, latitude, srid=4326)
    public = public_point(home, seller_id=seller)
    assert public == public_point(home, seller_id=seller)
    assert 100 < metres_between(home, public) <= 250


def test_products_listed_at_one_home_share_one_public_point() -> None:
    seller = make_seller()
    products = [make_product(seller=seller) for _ in range(5)]
    assert len({str(product.public_location) for product in products}) == 1
    assert make_product().public_location != products[0].public_location


def test_distance_labels() -> None:
    labels = [distance_label(km) for km in (0, 0.999, 1, 5, 20, 60, 100)]
    assert labels == [
        "Walking distance",
        "Walking distance",
        "Short drive",
        "Across town",
        "A drive away",
        "Far away",
        "Far away",
    ]
