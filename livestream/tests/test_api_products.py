"""The products of a stream over REST: adding, removing, tagging, tapping."""

from typing import Any

import pytest

from accounts.tests.factories import client_for, make_seller, make_user
from listings.tests.factories import make_product
from livestream.models import StreamProduct
from livestream.services import products
from livestream.tests.factories import make_live_stream

pytestmark = pytest.mark.django_db


def test_a_product_is_tagged_as_in_the_contract(
    captured_events: Any, django_capture_on_commit_callbacks: Any
) -> None:
    seller = make_seller()
    product = make_product(seller=seller)
    stream = make_live_stream(seller=seller, products=[product])
    url = f"/api/v1/streams/{stream.pk}/products/{product.pk}/tag"
    with django_capture_on_commit_callbacks(execute=True):
        response = client_for(seller).post(url, {"x": 0.42, "y": 0.63, "timestamp_seconds": 120})
    assert response.status_code == 200
    tagged = StreamProduct.objects.get()
    assert (tagged.tag_x, tagged.tag_y, tagged.tag_timestamp_seconds) == (0.42, 0.63, 120)
    assert captured_events == [
        (
            f"stream.{stream.pk}",
            "product:tagged",
            {
                "streamId": str(stream.pk),
                "productId": str(product.pk),
                "title": product.title,
                "price": 850.0,
                "currency": "AED",
                "thumbnailUrl": "https://example.com/image1.jpg",
                "image": {
                    "url": "https://example.com/image1.jpg",
                    "width": None,
                    "height": None,
                    "blurhash": None,
                    "sizes": [],
                },
                "x": 0.42,
                "y": 0.63,
                "timestampSeconds": 120,
            },
        )
    ]


@pytest.mark.parametrize(
    "body",
    [
        {"x": -0.1, "y": 0.5, "timestamp_seconds": 1},
        {"x": 0.5, "y": 1.01, "timestamp_seconds": 1},
        {"x": 0.5, "y": 0.5, "timestamp_seconds": -1},
        {"x": 0.5, "y": 0.5},
        {"x": "left", "y": 0.5, "timestamp_seconds": 1},
        {"x": 1e400, "y": 0.5, "timestamp_seconds": 1} | {"x": "inf"},
        {"x": "nan", "y": 0.5, "timestamp_seconds": 1},
    ],
)
def test_a_tag_with_an_invalid_position_or_time_is_refused(body: dict[str, Any]) -> None:
    seller = make_seller()
    product = make_product(seller=seller)
    stream = make_live_stream(seller=seller, products=[product])
    response = client_for(seller).post(f"/api/v1/streams/{stream.pk}/products/{product.pk}/tag", body)
    assert response.status_code == 400
    assert StreamProduct.objects.get().tag_x is None


def test_taps_of_viewers_are_counted_and_those_of_the_host_are_not() -> None:
    seller = make_seller()
    product = make_product(seller=seller)
    stream = make_live_stream(seller=seller, products=[product])
    url = f"/api/v1/streams/{stream.pk}/products/{product.pk}/click"
    client_for(make_user()).post(url)
    data = client_for(make_user()).post(url).json()["data"]
    assert data == {"productId": str(product.pk), "clicks": 2}
    assert client_for(seller).post(url).json()["data"]["clicks"] == 2


def test_a_hundred_and_twenty_taps_of_one_viewer_are_one_click() -> None:
    seller, viewer = make_seller(), make_user()
    product, other = make_product(seller=seller), make_product(seller=seller)
    stream = make_live_stream(seller=seller, products=[product, other])
    client = client_for(viewer)
    for _ in range(120):
        answer = client.post(f"/api/v1/streams/{stream.pk}/products/{product.pk}/click")
        assert answer.json()["data"]["clicks"] == 1
    for _ in range(2):
        products.click_product(actor=viewer, stream_id=stream.pk, product_id=other.pk)
    assert [one.clicks for one in StreamProduct.objects.order_by("position")] == [1, 1]


def test_hosts_add_and_remove_only_their_own_products_while_live() -> None:
    seller = make_seller()
    product, other = make_product(seller=seller), make_product()
    stream = make_live_stream(seller=seller)
    client, url = client_for(seller), f"/api/v1/streams/{stream.pk}/products"
    assert client.post(f"{url}/{product.pk}").status_code == 201
    assert client.post(f"{url}/{product.pk}").status_code == 201
    product.refresh_from_db()
    assert product.live_stream_id == stream.pk
    assert client.post(f"{url}/{other.pk}").status_code == 403
    assert client_for(make_user()).post(f"{url}/{product.pk}").status_code == 403
    assert client.delete(f"{url}/{product.pk}").status_code == 204
    assert client.delete(f"{url}/{product.pk}").status_code == 404
    product.refresh_from_db()
    assert product.live_stream_id is None
    assert client.get(f"/api/v1/streams/{stream.pk}").json()["data"]["productCount"] == 0


@pytest.mark.parametrize("field", ["x", "y"])
def test_json_true_is_refused_as_a_position(field: str) -> None:
    seller = make_seller()
    product = make_product(seller=seller)
    stream = make_live_stream(seller=seller, products=[product])
    url = f"/api/v1/streams/{stream.pk}/products/{product.pk}/tag"
    body = {"x": 0.5, "y": 0.5, "timestamp_seconds": 1} | {field: True}
    response = client_for(seller).post(url, body)
    assert (response.status_code, list(response.json()["error"]["details"])) == (400, [field])
