"""Products over HTTP: contract 2.1 and 2.2, who may do what, and what is refused."""

import json
import math
from decimal import Decimal

import pytest
from django.contrib.gis.geos import Point
from rest_framework.test import APIClient

from accounts.tests.factories import block, client_for, make_seller, make_user
from listings.models import Favorite, Product
from listings.tests.factories import make_product

pytestmark = pytest.mark.django_db

CONTRACT_2_1 = {
    "title": "Nike Air Jordan 1 Retro High",
    "description": "Brand new, never worn. Size 42. Original box included.",
    "price": 850.00,
    "currency": "AED",
    "category": "sneakers",
    "condition": "new",
    "feed_type": "community",
    "location": {"latitude": 25.0772, "longitude": 55.1369},
    "neighborhood": "Dubai Marina",
    "image_urls": ["https://example.com/image1.jpg", "https://example.com/image2.jpg"],
    "tags": ["sneakers", "jordan", "nike"],
}
CONTRACT_2_2 = {
    "title": "Live Trading Card Pack Opening - Pokemon 2025",
    "description": "Join me live as I open rare Pokemon packs!",
    "price": 299.00,
    "category": "trading_cards",
    "condition": "new",
    "feed_type": "discover",
    "location": {"latitude": 25.2048, "longitude": 55.2708},
    "neighborhood": "Downtown Dubai",
    "video_url": "https://example.com/video.m3u8",
    "video_thumbnail_url": "https://example.com/thumb.jpg",
    "image_urls": ["https://example.com/img1.jpg"],
}


def test_contract_2_1_community_product():
    seller = make_seller(username="testseller")
    answer = client_for(seller).post("/api/v1/products", CONTRACT_2_1)
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
        "is_verified": True,
    }
    assert b'"price":850.00' in answer.content
    assert b'"platform_fee":42.50' in answer.content
    assert b'"seller_payout":807.50' in answer.content
    product = Product.objects.get(pk=data["id"])
    assert product.location == Point(55.1369, 25.0772, srid=4326)
    assert (product.platform_fee, product.seller_payout) == (Decimal("42.50"), Decimal("807.50"))


def test_contract_2_2_discover_product_pays_fifteen_percent():
    answer = client_for(make_seller()).post("/api/v1/products", CONTRACT_2_2)
    assert answer.status_code == 201
    assert b'"platform_fee":44.85' in answer.content
    assert answer.json()["data"]["currency"] == "AED"
    assert answer.json()["data"]["thumbnail_url"] == "https://example.com/thumb.jpg"


def test_discover_product_without_video_is_refused():
    answer = client_for(make_seller()).post(
        "/api/v1/products", {name: value for name, value in CONTRACT_2_2.items() if name != "video_url"}
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
        ("title", "two\nlines"),
        ("title", "two\u2028lines"),
        ("description", 7),
        ("description", "bell \x07"),
        ("description", "line\u2028separator"),
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
        ("tags", ["#\u200b"]),
        ("tags", ["a\tb"]),
        ("tags", ["x"] * 21),
        ("tags", ["x" * 41]),
        ("min_offer_price", 851),
        ("auto_accept_price", 851),
        ("accepts_offers", "perhaps"),
    ],
)
def test_each_wrong_field_is_named_and_nothing_is_saved(name, value):
    if isinstance(value, dict) and math.inf in value.values():
        body = '{"location": {"latitude": 1e400, "longitude": 55}}'
        answer = client_for(make_seller()).generic(
            "POST", "/api/v1/products", body, content_type="application/json"
        )
        assert answer.status_code == 400
    else:
        answer = client_for(make_seller()).post("/api/v1/products", CONTRACT_2_1 | {name: value})
        assert answer.status_code == 400
        assert list(answer.json()["error"]["details"]) == [name]
    assert not Product.objects.exists()


@pytest.mark.parametrize("name", ["title", "description", "neighborhood", "category", "video_url"])
def test_half_a_character_is_refused(name):
    body = json.dumps(CONTRACT_2_1 | {name: "\ud800"})
    answer = client_for(make_seller()).generic(
        "POST", "/api/v1/products", body, content_type="application/json"
    )
    assert answer.status_code == 400


def test_a_place_next_to_zero_is_taken():
    body = json.dumps(CONTRACT_2_1).replace("25.0772", "1e-320").replace("55.1369", "-1e-300")
    answer = client_for(make_seller()).generic(
        "POST", "/api/v1/products", body, content_type="application/json"
    )
    assert answer.status_code == 201


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
        ("http://a.com/a\u00a0b", _FORBIDDEN_CHARACTERS),
        ("http://a.com/a\nb", _FORBIDDEN_CHARACTERS),
    ],
)
def test_an_address_that_can_mean_two_things_is_refused(url, message):
    answer = client_for(make_seller()).post("/api/v1/products", CONTRACT_2_1 | {"video_url": url})
    assert answer.status_code == 400
    assert answer.json()["error"]["details"] == {"video_url": [message]}


def test_ordinary_texts_and_addresses_are_taken():
    texts = {
        "title": "👨‍👩‍👧 کتاب‌ها – «50%» <new>",
        "description": "One\r\nTwo\n\tThree",
        "tags": ["#jordan", "#", "ساعة"],
        "video_url": "https://cdn.example.com:8443/a/%20b.mp4?x=1&y=(2)#t=5",
        "image_urls": [
            "http://localhost:8080/uploads/a.jpg",
            "HTTP://203.0.113.5/a.jpg",
            "https://مثال.com/a",
        ],
    }
    answer = client_for(make_seller()).post("/api/v1/products", CONTRACT_2_1 | texts)
    assert answer.status_code == 201
    data = answer.json()["data"]
    shown = {name: data[name] for name in texts}
    assert shown == texts | {"description": "One\nTwo\n\tThree", "tags": ["jordan", "ساعة"]}


def test_all_wrong_fields_are_named_at_once():
    answer = client_for(make_seller()).post("/api/v1/products", {"price": -1})
    assert set(answer.json()["error"]["details"]) == {"title", "price", "category", "condition", "feed_type"}


def test_fifty_first_active_product_is_refused():
    seller = make_seller()
    for _ in range(49):
        make_product(seller=seller)
    make_product(seller=seller, status="sold")
    client = client_for(seller)
    assert client.post("/api/v1/products", CONTRACT_2_1).status_code == 201
    answer = client.post("/api/v1/products", CONTRACT_2_1)
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "active_products_limit"
    assert Product.objects.filter(status="active").count() == 50


def test_creation_with_a_key_happens_once():
    client = client_for(make_seller())
    first = client.post("/api/v1/products", CONTRACT_2_1, headers={"Idempotency-Key": "k1"})
    again = client.post("/api/v1/products", CONTRACT_2_1, headers={"Idempotency-Key": "k1"})
    other = client.post("/api/v1/products", CONTRACT_2_2, headers={"Idempotency-Key": "k1"})
    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert first.content == again.content
    assert Product.objects.count() == 1


def test_price_and_feed_changes_move_the_fee():
    seller = make_seller()
    product = make_product(seller=seller)
    client = client_for(seller)
    url = f"/api/v1/products/{product.pk}"
    assert client.patch(url, {"price": 799}).json()["data"]["platform_fee"] == 39.95
    assert client.patch(url, {"feed_type": "discover"}).status_code == 400
    answer = client.patch(url, {"feed_type": "discover", "video_url": "https://example.com/v.m3u8"})
    assert answer.json()["data"]["platform_fee"] == 119.85
    assert answer.json()["data"]["seller_payout"] == 679.15
    assert client.patch(url, {"location": None}).status_code == 200
    assert client.patch(url, {"feed_type": "community"}).status_code == 400
    for body in ({}, {"prise": 1}):
        refused = client.patch(url, body)
        assert refused.status_code == 400
        assert "accepts_offers" in refused.json()["error"]["details"]["non_field_errors"][0]
    half = client.patch(url, {"location": {"latitude": 25}})
    assert half.json()["error"]["details"] == {"location": {"longitude": ["This field is required."]}}
    product.refresh_from_db()
    assert (product.feed_type, product.location, product.public_location) == ("discover", None, None)


def test_stranger_may_neither_change_nor_delete():
    product = make_product()
    for client, status in ((client_for(make_seller()), 403), (APIClient(), 401)):
        assert client.patch(f"/api/v1/products/{product.pk}", {"price": 1}).status_code == status
        assert client.delete(f"/api/v1/products/{product.pk}").status_code == status
    product.refresh_from_db()
    assert (product.price, product.status) == (Decimal("850.00"), "active")


def test_sold_product_is_neither_changed_nor_deleted():
    seller = make_seller()
    product = make_product(seller=seller, status="sold")
    client = client_for(seller)
    assert client.patch(f"/api/v1/products/{product.pk}", {"price": 1}).status_code == 409
    assert client.delete(f"/api/v1/products/{product.pk}").status_code == 409
    assert Product.objects.get().status == "sold"


def test_deleted_product_is_gone_for_everyone_and_stays_as_a_row():
    seller = make_seller()
    product = make_product(seller=seller)
    client = client_for(seller)
    assert client.delete(f"/api/v1/products/{product.pk}").status_code == 204
    assert client.get(f"/api/v1/products/{product.pk}").status_code == 404
    assert client.delete(f"/api/v1/products/{product.pk}").status_code == 404
    assert client.get(f"/api/v1/users/{seller.pk}/products").json()["data"]["items"] == []
    assert Product.objects.get().status == "deleted"


@pytest.mark.parametrize("state", [{"status": "hidden"}, {"status": "sold"}, {"seller_closed": True}])
def test_what_is_off_sale_is_404_to_strangers_and_in_no_list(state):
    seller = make_seller()
    product = make_product(seller=seller, **state)
    other = client_for(make_user())
    url = f"/api/v1/products/{product.pk}"
    for client in (other, APIClient()):
        assert client.get(url).status_code == 404
        for path in (
            "/feeds/community?latitude=25.0772&longitude=55.1369",
            "/search?q=nike",
            "/search",
            f"/users/{seller.pk}/products",
        ):
            assert client.get(f"/api/v1{path}").json()["data"]["items"] == []
    assert client_for(seller).get(url).status_code == 200
    assert other.post(f"{url}/favorite").status_code == 404


def test_secret_fields_are_the_sellers_own():
    seller = make_seller()
    product = make_product(seller=seller, min_offer_price=Decimal(700), auto_accept_price=Decimal(800))
    own = client_for(seller).get(f"/api/v1/products/{product.pk}").json()["data"]
    assert own["location"] == {"latitude": 25.0772, "longitude": 55.1369}
    assert (own["min_offer_price"], own["auto_accept_price"]) == (700, 800)
    for client in (client_for(make_user()), APIClient()):
        seen = client.get(f"/api/v1/products/{product.pk}").json()["data"]
        assert not {"location", "min_offer_price", "auto_accept_price", "public_location"} & set(seen)
        assert "55.1369" not in str(seen)


def test_blocked_people_see_nothing_of_each_other():
    seller, buyer = make_seller(), make_user()
    product = make_product(seller=seller)
    for blocker, blocked in ((seller, buyer), (buyer, seller)):
        relation = block(blocker, blocked)
        client = client_for(buyer)
        assert client.get(f"/api/v1/products/{product.pk}").status_code == 404
        assert client.get(f"/api/v1/products/{product.pk}/similar").status_code == 404
        for path in ("/feeds/community?latitude=25.0772&longitude=55.1369", "/search?q=nike", "/search"):
            assert client.get(f"/api/v1{path}").json()["data"]["total"] == 0
        relation.delete()
    assert client_for(buyer).get("/api/v1/search").json()["data"]["total"] == 1


def test_own_list_shows_what_is_sold_and_hidden_and_filters():
    seller = make_seller()
    for status in ("active", "sold", "hidden", "deleted"):
        make_product(seller=seller, status=status)
    own, url = client_for(seller), f"/api/v1/users/{seller.pk}/products"
    assert {item["status"] for item in own.get(url).json()["data"]["items"]} == {"active", "sold", "hidden"}
    assert own.get(f"{url}?status=sold").json()["data"]["total"] == 1
    assert own.get(f"{url}?status=deleted").status_code == 400
    assert APIClient().get(f"{url}?status=sold").status_code == 400
    assert client_for(make_user()).get(f"{url}?status=hidden").status_code == 400
    assert APIClient().get(f"{url}?status=active").json()["data"]["total"] == 1
    assert [item["status"] for item in APIClient().get(url).json()["data"]["items"]] == ["active"]


def test_liking_counts_once_and_is_listed():
    buyer = make_user()
    first, second = make_product(), make_product()
    client = client_for(buyer)
    for product in (first, first, second):
        answer = client.post(f"/api/v1/products/{product.pk}/favorite")
        assert answer.json()["data"] == {
            "product_id": str(product.pk),
            "is_favorite": True,
            "favorite_count": 1,
        }
    listed = client.get("/api/v1/favorites").json()["data"]
    assert [item["id"] for item in listed["items"]] == [str(second.pk), str(first.pk)]
    assert listed["items"][0]["is_favorite"] is True
    assert client.delete(f"/api/v1/products/{first.pk}/favorite").json()["data"]["favorite_count"] == 0
    assert client.delete(f"/api/v1/products/{first.pk}/favorite").status_code == 200
    Product.objects.filter(pk=second.pk).update(status="sold")
    assert client.get("/api/v1/favorites").json()["data"]["items"] == []
    assert client.delete(f"/api/v1/products/{second.pk}/favorite").status_code == 200
    assert not Favorite.objects.exists()


def test_similar_products_share_words_category_and_price():
    product = make_product(title="Nike Dunk Low panda")
    near = make_product(title="Nike Dunk Low blue")
    make_product(title="Nike Dunk Low golden", price=85000)
    make_product(title="Nike Dunk Low poster", category_id="collectibles_art")
    answer = APIClient().get(f"/api/v1/products/{product.pk}/similar").json()["data"]
    assert [item["id"] for item in answer] == [str(near.pk)]


@pytest.mark.parametrize("title", ["😀😀", "!!!", "___"])
def test_similar_to_a_title_without_a_word_is_what_is_near_in_category_and_price(title):
    product = make_product(title=title)
    near = make_product()
    make_product(price=85000)
    make_product(category_id="collectibles_art")
    answer = APIClient().get(f"/api/v1/products/{product.pk}/similar")
    assert answer.status_code == 200
    assert [item["id"] for item in answer.json()["data"]] == [str(near.pk)]
