"""Changing, deleting and showing products and favourites over REST, and the visibility of products."""

from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.tests.factories import block, client_for, make_seller, make_user
from listings.models import Favorite, Product
from listings.tests.factories import make_product

pytestmark = pytest.mark.django_db


def test_changing_price_or_feed_changes_the_fee() -> None:
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


def test_other_users_can_neither_change_nor_delete_a_product() -> None:
    product = make_product()
    for client, status in ((client_for(make_seller()), 403), (APIClient(), 401)):
        assert client.patch(f"/api/v1/products/{product.pk}", {"price": 1}).status_code == status
        assert client.delete(f"/api/v1/products/{product.pk}").status_code == status
    product.refresh_from_db()
    assert (product.price, product.status) == (Decimal("850.00"), "active")


def test_sold_product_cannot_be_changed_or_deleted() -> None:
    seller = make_seller()
    product = make_product(seller=seller, status="sold")
    client = client_for(seller)
    assert client.patch(f"/api/v1/products/{product.pk}", {"price": 1}).status_code == 409
    assert client.delete(f"/api/v1/products/{product.pk}").status_code == 409
    assert Product.objects.get().status == "sold"


def test_deleted_product_is_not_found_by_anyone_but_its_row_is_kept() -> None:
    seller = make_seller()
    product = make_product(seller=seller)
    client = client_for(seller)
    assert client.delete(f"/api/v1/products/{product.pk}").status_code == 204
    assert client.get(f"/api/v1/products/{product.pk}").status_code == 404
    assert client.delete(f"/api/v1/products/{product.pk}").status_code == 404
    assert client.get(f"/api/v1/users/{seller.pk}/products").json()["data"]["items"] == []
    assert Product.objects.get().status == "deleted"


@pytest.mark.parametrize("state", [{"status": "hidden"}, {"status": "sold"}, {"seller_closed": True}])
def test_unlisted_product_is_not_found_by_others_and_in_no_list(state: Any) -> None:
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


def test_only_the_seller_sees_location_and_price_rules() -> None:
    seller = make_seller()
    product = make_product(seller=seller, min_offer_price=Decimal(700), auto_accept_price=Decimal(800))
    own = client_for(seller).get(f"/api/v1/products/{product.pk}").json()["data"]
    assert own["location"] == {"latitude": 25.0772, "longitude": 55.1369}
    assert (own["min_offer_price"], own["auto_accept_price"]) == (700, 800)
    for client in (client_for(make_user()), APIClient()):
        seen = client.get(f"/api/v1/products/{product.pk}").json()["data"]
        assert not {"location", "min_offer_price", "auto_accept_price", "public_location"} & set(seen)
        assert "55.1369" not in str(seen)


def test_products_are_hidden_whichever_side_blocked_the_other() -> None:
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


def test_sellers_own_list_includes_sold_and_hidden_products() -> None:
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


def test_favourite_added_twice_is_counted_and_listed_once() -> None:
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


def test_similar_products_share_words_category_and_price() -> None:
    product = make_product(title="Nike Dunk Low panda")
    near = make_product(title="Nike Dunk Low blue")
    make_product(title="Nike Dunk Low golden", price=85000)
    make_product(title="Nike Dunk Low poster", category_id="collectibles_art")
    answer = APIClient().get(f"/api/v1/products/{product.pk}/similar").json()["data"]
    assert [item["id"] for item in answer] == [str(near.pk)]


@pytest.mark.parametrize("title", ["😀😀", "!!!", "___"])
def test_similar_products_of_a_title_without_words_share_category_and_price(title: Any) -> None:
    product = make_product(title=title)
    near = make_product()
    make_product(price=85000)
    make_product(category_id="collectibles_art")
    answer = APIClient().get(f"/api/v1/products/{product.pk}/similar")
    assert answer.status_code == 200
    assert [item["id"] for item in answer.json()["data"]] == [str(near.pk)]
