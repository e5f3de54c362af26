"""Creating products: contract 2.1 and 2.2, validation of each field, limits."""

import json
import math
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.gis.geos import Point

from accounts.tests.factories import client_for, make_seller, make_user
from listings.models import Product
from listings.tests.bodies import COMMUNITY_BODY, DISCOVER_BODY
from listings.tests.factories import make_product

pytestmark = pytest.mark.django_db


def test_a_buyer_learns_that_only_sellers_list_products_before_any_field_is_checked() -> None:
    answer = client_for(make_user()).post("/api/v1/products", {"title": ""})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "sellers_only")
    assert answer.json()["error"]["details"] == {}


def test_contract_2_1_community_product() -> None:
    seller = make_seller(username="testseller")
    answer = client_for(seller).post("/api/v1/products", COMMUNITY_BODY)
    assert answer.status_code == 201
    body = answer.json()
    assert body["success"] is True
    data = body["data"]
    assert data["title"] == "Nike Air Jordan 1 Retro High"
    assert data["feed_type"] == "community"
    assert data["is_available"] is True
    assert data["created_at"].endswith("Z")
    assert data["seller"] == {
        "id": str(seller.pk),
        "username": "@testseller",
        "avatar_url": None,
        "avatar": None,
        "is_verified": True,
        "rating": {"average": None, "count": 0},
        "has_verified_badge": False,
        "is_following": False,
    }
    assert b'"price":850.00' in answer.content
    assert b'"platform_fee":42.50' in answer.content
    assert b'"seller_payout":807.50' in answer.content
    product = Product.objects.get(pk=data["id"])
    assert product.location == Point(55.1369, 25.0772, srid=4326)
    assert (product.platform_fee, product.seller_payout) == (Decimal("42.50"), Decimal("807.50"))


def test_contract_2_2_discover_product_pays_fifteen_percent() -> None:
    answer = client_for(make_seller()).post("/api/v1/products", DISCOVER_BODY)
    assert answer.status_code == 201
    assert b'"platform_fee":44.85' in answer.content
    assert answer.json()["data"]["currency"] == "AED"
    assert answer.json()["data"]["thumbnail_url"] == "https://example.com/thumb.jpg"


def test_discover_product_without_video_is_refused() -> None:
    answer = client_for(make_seller()).post(
        "/api/v1/products", {name: value for name, value in DISCOVER_BODY.items() if name != "video_url"}
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["details"] == {"video_url": ["A Discover product needs a video."]}
    assert not Product.objects.exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("title", ""),
        ("title", "   "),
        ("title", "x" * 201),
        ("title", None),
        ("title", {"a": 1}),
        ("title", "nul \x00"),
        ("title", 1),
        ("title", 1.5),
        ("title", "\u200b"),
        ("title", " \ufeff\u200f "),
        ("title", "\u3164\u2800\u0301"),
        ("title", "esc \x1b[31m"),
        ("title", "back\bspace"),
        ("title", "\n\u2028\x0b"),
        ("description", 7),
        ("description", "bell \x07"),
        ("description", "line\u2028bell \x07"),
        ("description", "x" * 5001),
        ("price", 0),
        ("price", -1),
        ("price", True),
        ("price", "cheap"),
        ("price", 10_000_000),
        ("price", 1.005),
        ("price", None),
        ("price", []),
        ("currency", "USD"),
        ("category", "no_such"),
        ("category", 5),
        ("category", "\x00"),
        ("category", "x" * 5000),
        ("condition", "broken"),
        ("feed_type", "other"),
        ("location", None),
        ("location", "25,55"),
        ("location", {}),
        ("location", {"latitude": 25}),
        ("location", {"latitude": 91, "longitude": 55}),
        ("location", {"latitude": 25, "longitude": -180.5}),
        ("location", {"latitude": True, "longitude": 55}),
        ("location", {"latitude": "25.1", "longitude": 55}),
        ("location", {"latitude": 1e400, "longitude": 55}),
        ("neighborhood", "x" * 101),
        ("neighborhood", 12),
        ("neighborhood", "\u200e"),
        ("image_urls", ["javascript:alert(1)"]),
        ("image_urls", ["ftp://example.com/a.jpg"]),
        ("image_urls", ["file:///etc/passwd"]),
        ("image_urls", ["https://example.com/a.jpg"] * 11),
        ("image_urls", "https://example.com/a.jpg"),
        ("video_url", "//example.com/v"),
        ("tags", [5]),
        ("tags", ["a\tb"]),
        ("tags", ["x"] * 21),
        ("tags", ["x" * 41]),
        ("min_offer_price", 851),
        ("auto_accept_price", 851),
        ("accepts_offers", "perhaps"),
    ],
)
def test_invalid_field_is_named_and_nothing_is_saved(name: Any, value: Any) -> None:
    if isinstance(value, dict) and math.inf in value.values():
        body = '{"location": {"latitude": 1e400, "longitude": 55}}'
        answer = client_for(make_seller()).generic(
            "POST", "/api/v1/products", body, content_type="application/json"
        )
        assert answer.status_code == 400
    else:
        answer = client_for(make_seller()).post("/api/v1/products", COMMUNITY_BODY | {name: value})
        assert answer.status_code == 400
        assert list(answer.json()["error"]["details"]) == [name]
    assert not Product.objects.exists()


@pytest.mark.parametrize("name", ["title", "description", "neighborhood", "category", "video_url"])
def test_unpaired_surrogate_is_refused(name: Any) -> None:
    body = json.dumps(COMMUNITY_BODY | {name: "\ud800"})
    answer = client_for(make_seller()).generic(
        "POST", "/api/v1/products", body, content_type="application/json"
    )
    assert answer.status_code == 400


def test_location_next_to_zero_is_accepted() -> None:
    body = json.dumps(COMMUNITY_BODY).replace("25.0772", "1e-320").replace("55.1369", "-1e-300")
    answer = client_for(make_seller()).generic(
        "POST", "/api/v1/products", body, content_type="application/json"
    )
    assert answer.status_code == 201


_HIDDEN_CHARACTERS = "An address can't contain characters that cannot be seen."
_FORBIDDEN_CHARACTERS = "An address can't contain spaces, quotes, backslashes or angle brackets."


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://example.com/a.jpg", "Enter an address that starts with http:// or https://."),
        ("example.com/a.jpg", "Enter an address that starts with http:// or https://."),
        ("http://user:pw@a.com/", "An address can't contain a username or password."),
        ("http://user@a.com/", "An address can't contain a username or password."),
        ("http://a.com:99999/", "The host or port of this address is invalid."),
        ("http://a.com:port/", "The host or port of this address is invalid."),
        ("http://[::1/", "The host or port of this address is invalid."),
        ("http://example.c/", "The host or port of this address is invalid."),
        ("http://", "The host or port of this address is invalid."),
        ("http://a.com\\@evil.com/", _FORBIDDEN_CHARACTERS),
        ('http://a.com/"onerror=1', _FORBIDDEN_CHARACTERS),
        ("http://a.com/'x", _FORBIDDEN_CHARACTERS),
        ("http://a.com/<b>", _FORBIDDEN_CHARACTERS),
        ("http://a.com/a b", _FORBIDDEN_CHARACTERS),
        ("https://a.com/\u202egpj.exe", _HIDDEN_CHARACTERS),
        ("https://a.com/a\u200bb.jpg", _HIDDEN_CHARACTERS),
        ("https://a.com/\u200ea.jpg", _HIDDEN_CHARACTERS),
        ("http://a.com/a\u00a0b", _FORBIDDEN_CHARACTERS),
        ("http://a.com/a\nb", _FORBIDDEN_CHARACTERS),
    ],
)
def test_ambiguous_or_invalid_web_address_is_refused(url: Any, message: Any) -> None:
    answer = client_for(make_seller()).post("/api/v1/products", COMMUNITY_BODY | {"video_url": url})
    assert answer.status_code == 400
    assert answer.json()["error"]["details"] == {"video_url": [message]}


def test_ordinary_texts_and_addresses_are_accepted() -> None:
    texts = {
        "title": "👨‍👩‍👧 کتاب‌ها – «50%» <new>",
        "description": "One\r\nTwo\n\tThree",
        "tags": ["#jordan", "#", "#\u200b", "ساعة"],
        "video_url": "https://cdn.example.com:8443/a/%20b.mp4?x=1&y=(2)#t=5",
        "image_urls": [
            "http://localhost:8080/uploads/a.jpg",
            "HTTP://203.0.113.5/a.jpg",
            "https://مثال.com/a",
        ],
    }
    answer = client_for(make_seller()).post("/api/v1/products", COMMUNITY_BODY | texts)
    assert answer.status_code == 201
    data = answer.json()["data"]
    shown = {name: data[name] for name in texts}
    assert shown == texts | {"description": "One\nTwo\n\tThree", "tags": ["jordan", "ساعة"]}


def test_all_invalid_fields_are_named_at_once() -> None:
    answer = client_for(make_seller()).post("/api/v1/products", {"price": -1})
    assert set(answer.json()["error"]["details"]) == {"title", "price", "category", "condition", "feed_type"}


def test_fifty_first_active_product_is_refused() -> None:
    seller = make_seller()
    for _ in range(49):
        make_product(seller=seller)
    make_product(seller=seller, status="sold")
    client = client_for(seller)
    assert client.post("/api/v1/products", COMMUNITY_BODY).status_code == 201
    answer = client.post("/api/v1/products", COMMUNITY_BODY)
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "active_products_limit"
    assert Product.objects.filter(status="active").count() == 50


def test_creation_with_an_idempotency_key_happens_once() -> None:
    client = client_for(make_seller())
    first = client.post("/api/v1/products", COMMUNITY_BODY, headers={"Idempotency-Key": "k1"})
    again = client.post("/api/v1/products", COMMUNITY_BODY, headers={"Idempotency-Key": "k1"})
    other = client.post("/api/v1/products", DISCOVER_BODY, headers={"Idempotency-Key": "k1"})
    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert first.content == again.content
    assert Product.objects.count() == 1
