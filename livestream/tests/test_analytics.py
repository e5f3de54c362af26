"""The analytics of a stream, and products removed while it is live."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Follow
from accounts.tests.factories import client_for, follow, make_seller, make_staff, make_user
from chat.tests.factories import make_conversation
from listings.services import hide_product
from listings.tests.factories import make_product
from livestream.models import ReactionTotal, StreamProduct, ViewerSession
from livestream.selectors.analytics import stream_analytics
from livestream.services import products
from livestream.tests.factories import make_live_stream
from offers.tests.factories import make_offer, make_sale
from orders.services.closing import cancel_order
from orders.tests.factories import make_order, take_to

pytestmark = pytest.mark.django_db


def test_every_number_of_the_analytics_is_counted() -> None:
    seller = make_seller()
    sold, asked, untouched = (make_product(seller=seller) for _ in range(3))
    old_follower = make_user()
    follow(old_follower, seller)
    stream = make_live_stream(seller=seller, products=[sold, asked, untouched], notifications_sent=7)
    other = make_live_stream()
    for product in (sold, asked, untouched):
        product.refresh_from_db()
    start = stream.started_at
    assert start is not None
    StreamProduct.objects.filter(product=sold).update(
        clicks=4, tag_x=0, tag_y=0, tag_timestamp_seconds=1, first_tagged_at=start + timedelta(seconds=20)
    )
    sessions = [("Dubai Marina", 0, 10), ("Dubai Marina", 0, 60), ("JBR", 30, 90), ("", 0, 30)]
    for number, (neighborhood, joined, left) in enumerate(sessions):
        ViewerSession.objects.create(
            stream=stream,
            user=make_user(),
            connection_id=f"c{number}",
            neighborhood=neighborhood,
            joined_at=start + timedelta(seconds=joined),
            last_seen_at=start,
            left_at=start + timedelta(seconds=left),
        )
    ReactionTotal.objects.create(stream=stream, emoji="🔥", count=2)
    ReactionTotal.objects.create(stream=stream, emoji="❤️", count=5)
    ReactionTotal.objects.create(stream=other, emoji="❤️", count=50)
    follow(make_user(), seller)
    Follow.objects.filter(follower=old_follower).update(created_at=start - timedelta(days=1))
    make_order(offer=make_sale(sold, price="800.00").offer, state="handed_over")
    curious = make_user()
    make_conversation(buyer=curious, product=asked)
    make_offer(asked, buyer=curious)
    make_offer(asked)
    make_sale()
    stream.refresh_from_db()
    stream.ended_at = start + timedelta(seconds=100)

    body = stream_analytics(stream)
    assert body["basicStats"] == {
        "duration": 100,
        "peakViewers": 3,
        "uniqueViewers": 4,
        "averageWatchTime": 40,
        "notificationsSent": 7,
    }
    assert body["engagement"] == {
        "totalLikes": 7,
        "totalReactions": {"❤️": 5, "🔥": 2},
        "chatMessages": 0,
        "newFollowers": 1,
    }
    assert list(body["engagement"]["totalReactions"]) == ["❤️", "🔥"]
    assert [
        (one["productId"], one["clicks"], one["views"], one["inquiries"], one["purchases"], one["revenue"])
        for one in body["products"]
    ] == [
        (sold.pk, 4, 3, 1, 1, Decimal("800.00")),
        (asked.pk, 0, 0, 2, 0, 0),
        (untouched.pk, 0, 0, 0, 0, 0),
    ]
    assert body["revenue"] == {
        "totalSales": 1,
        "grossRevenue": Decimal("800.00"),
        "platformFee": Decimal("40.00"),
        "netRevenue": Decimal("760.00"),
    }
    assert body["geography"] == {
        "topNeighborhoods": [
            {"neighborhood": "Dubai Marina", "viewers": 2},
            {"neighborhood": "JBR", "viewers": 1},
        ]
    }


@pytest.mark.parametrize("by_card", [True, False], ids=["by card", "in person"])
def test_a_sale_counts_as_revenue_from_its_payment_until_it_is_cancelled(by_card: bool) -> None:
    seller = make_seller()
    product = make_product(seller=seller)
    stream = make_live_stream(seller=seller, products=[product])
    product.refresh_from_db()
    order = make_order(product, payment_method="card" if by_card else "in_person")
    assert order.transaction.stream_id == stream.pk
    assert stream_analytics(stream)["revenue"]["totalSales"] == 0
    take_to(order, "paid" if by_card else "handed_over")
    [sold] = stream_analytics(stream)["products"]
    assert (sold["purchases"], sold["revenue"]) == (1, Decimal("850.00"))
    if by_card:
        cancel_order(actor=order.buyer, order_id=order.pk)
        assert stream_analytics(stream)["revenue"]["totalSales"] == 0


def test_analytics_have_the_shape_of_contract_4_9() -> None:
    stream = make_live_stream(products=[])
    data = client_for(stream.seller).get(f"/api/v1/streams/{stream.pk}/analytics").json()["data"]
    assert set(data) >= {"basicStats", "engagement", "products", "revenue", "geography"}
    assert data["basicStats"]["averageWatchTime"] is None
    assert data["revenue"] == {"totalSales": 0, "grossRevenue": 0, "platformFee": 0, "netRevenue": 0}
    assert data["geography"] == {"topNeighborhoods": []}


def test_hiding_a_product_removes_it_from_its_live_stream(
    captured_events: Any, django_capture_on_commit_callbacks: Any
) -> None:
    seller = make_seller()
    product = make_product(seller=seller)
    stream = make_live_stream(seller=seller, products=[product])
    with django_capture_on_commit_callbacks(execute=True):
        hide_product(actor=make_staff(), product_id=product.pk, reason="Fake")
    product.refresh_from_db()
    assert product.live_stream_id is None
    assert (
        f"stream.{stream.pk}",
        "product:untagged",
        {"streamId": str(stream.pk), "productId": str(product.pk), "reason": "hidden"},
    ) in captured_events


def test_a_product_removed_while_live_stays_in_the_analytics() -> None:
    seller = make_seller()
    product = make_product(seller=seller)
    stream = make_live_stream(seller=seller, products=[product])
    products.click_product(actor=make_user(), stream_id=stream.pk, product_id=product.pk)
    products.remove_product(actor=seller, stream_id=stream.pk, product_id=product.pk)
    assert [one["clicks"] for one in stream_analytics(stream)["products"]] == [1]
    products.add_product(actor=seller, stream_id=stream.pk, product_id=product.pk)
    assert StreamProduct.objects.get().clicks == 1
