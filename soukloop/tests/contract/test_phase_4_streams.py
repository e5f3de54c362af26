"""Phase 4: live streaming, with the scenario of live shopping."""

import pytest

from livestream.models import Stream, StreamProduct
from soukloop.core.redis.client import redis_client
from soukloop.realtime.testing.servers import ServerProcess
from soukloop.tests.contract.people import JORDAN, POKEMON, App, Connect, moment

pytestmark = pytest.mark.django_db(transaction=True)

NEW_STREAM = {
    "title": "Flash Sale - Up to 50% Off Sneakers!",
    "description": "Live shopping event with exclusive deals",
    "category": "sneakers",
    "audience": "everyone",
    "estimated_duration": 30,
    "notify_followers": True,
    "notify_neighborhood": True,
    "enable_chat": True,
    "enable_comments": True,
    "record_stream": True,
}
READY = {"camera_ready": True, "checklist_complete": True}


def test_phase_4_live_streaming(server: ServerProcess, buyer: App, seller: App, sio_client: Connect) -> None:
    products = [seller.post("/products", body, expect=201)["id"] for body in (JORDAN, POKEMON)]
    buyer.post(f"/users/{seller.user['id']}/follow")

    # 4.1: scheduled, with its products
    stream = seller.post("/streams", {**NEW_STREAM, "product_ids": products}, expect=201)
    stream_id = stream["streamId"]
    assert {key: stream[key] for key in ("status", "audience", "estimatedDuration", "productCount")} == {
        "status": "scheduled",
        "audience": "everyone",
        "estimatedDuration": 30,
        "productCount": 2,
    }
    moment(stream["createdAt"])
    assert StreamProduct.objects.filter(stream_id=stream_id).count() == 2

    # 4.2: settings change while it is scheduled
    settings = {"audience": "followers", "estimated_duration": 45, "notify_neighborhood": False}
    changed = seller.patch(f"/streams/{stream_id}/settings", settings)
    assert (changed["audience"], changed["estimatedDuration"]) == ("followers", 45)

    # 4.3: going live
    refused = seller.call("POST", f"/streams/{stream_id}/go-live", {"camera_ready": False}, expect=400)
    assert refused["success"] is False
    live = seller.post(f"/streams/{stream_id}/go-live", READY)
    assert live["status"] == "live"
    assert live["rtmpUrl"].startswith("rtmp://")
    assert live["streamKey"].startswith("sk_")
    assert live["hlsUrl"].endswith("/index.m3u8")
    assert live["dashUrl"].endswith(".mpd")
    assert live["streamKey"] not in live["hlsUrl"]
    assert live["notificationsSent"] == 1
    moment(live["startedAt"])
    assert seller.call("PATCH", f"/streams/{stream_id}/settings", settings, expect=409)["success"] is False

    # 4.4: a viewer joins
    watching = sio_client(server, buyer.token).wait_connected()
    hosting = sio_client(server, seller.token).wait_connected()
    hosting.call("stream:join", {"stream_id": stream_id})
    watching.send("stream:join", {"stream_id": stream_id})
    joined = watching.expect("stream:joined")
    assert (joined["streamId"], joined["status"]) == (stream_id, "live")
    assert joined["viewerCount"] >= 1
    assert hosting.expect("viewer:joined", userId=buyer.user["id"])
    viewers = redis_client().smembers(f"stream:{stream_id}:unique_viewers")
    assert buyer.user["id"].encode() in viewers
    assert Stream.objects.get(pk=stream_id).viewer_count >= 1

    # 4.5: chat
    watching.send("stream:chat", {"stream_id": stream_id, "message": "This is amazing! 🔥"})
    said = hosting.expect("chat:message")
    assert {key: said[key] for key in ("userId", "username", "message")} == {
        "userId": buyer.user["id"],
        "username": "testbuyer",
        "message": "This is amazing! 🔥",
    }
    assert "avatarUrl" in said
    moment(said["timestamp"])
    for number in range(9):
        assert watching.call("stream:chat", {"stream_id": stream_id, "message": f"{number}"})["success"]
    refused = watching.call("stream:chat", {"stream_id": stream_id, "message": "the eleventh"})
    assert refused["error"]["code"] == "rate_limited"
    assert redis_client().llen(f"stream:{stream_id}:chat") == 10

    # 4.6: reactions
    watching.send("stream:reaction", {"stream_id": stream_id, "emoji": "❤️"})
    reaction = hosting.expect("reaction:new")
    assert (reaction["emoji"], reaction["userId"]) == ("❤️", buyer.user["id"])
    assert redis_client().hget(f"stream:{stream_id}:reactions", "❤️") == b"1"

    # 4.7: a tag
    position = {"x": 0.42, "y": 0.63, "timestamp_seconds": 120}
    seller.post(f"/streams/{stream_id}/products/{products[0]}/tag", position)
    tagged = watching.expect("product:tagged")
    assert (tagged["productId"], tagged["x"], tagged["y"]) == (products[0], 0.42, 0.63)
    outside = {**position, "x": 1.5}
    seller.call("POST", f"/streams/{stream_id}/products/{products[0]}/tag", outside, expect=400)
    buyer.post(f"/streams/{stream_id}/products/{products[0]}/click")

    # 4.8: the end
    ended = seller.post(f"/streams/{stream_id}/end")
    row = Stream.objects.get(pk=stream_id)
    assert ended["status"] == row.status == "ended"
    assert row.started_at is not None
    assert row.ended_at is not None
    assert ended["duration"] == int((row.ended_at - row.started_at).total_seconds())
    stats = ended["stats"]
    assert stats["peakViewers"] >= 1
    assert stats["uniqueViewers"] >= 1
    assert {
        key: stats[key] for key in ("totalLikes", "chatMessages", "productsTagged", "clicksOnProducts")
    } == {
        "totalLikes": 1,
        "chatMessages": 10,
        "productsTagged": 1,
        "clicksOnProducts": 1,
    }
    assert stats["averageWatchTime"] >= 0
    assert ended["vodUrl"]
    moment(ended["endedAt"])
    assert watching.expect("stream:ended")["streamId"] == stream_id

    # 4.9: analytics, only for the owner
    analytics = seller.get(f"/streams/{stream_id}/analytics")
    assert set(analytics) >= {"basicStats", "engagement", "products", "revenue", "geography"}
    assert analytics["basicStats"]["duration"] == ended["duration"]
    assert analytics["engagement"]["totalReactions"] == {"❤️": 1}
    assert analytics["engagement"]["chatMessages"] == 10
    clicks = {product["productId"]: product["clicks"] for product in analytics["products"]}
    assert clicks == {products[0]: 1, products[1]: 0}
    assert analytics["revenue"]["totalSales"] == 0
    buyer.call("GET", f"/streams/{stream_id}/analytics", expect=403)


def test_scenario_2_live_shopping(
    server: ServerProcess, buyer: App, seller: App, sio_client: Connect
) -> None:
    product = seller.post("/products", POKEMON, expect=201)["id"]
    stream_id = seller.post("/streams", {**NEW_STREAM, "product_ids": [product]}, expect=201)["streamId"]
    seller.patch(f"/streams/{stream_id}/settings", {"audience": "followers"})
    seller.post(f"/streams/{stream_id}/go-live", READY)
    [first, *_] = buyer.get("/feeds/discover")["items"]
    assert (first["id"], first["is_live"]) == (product, True)

    watching = sio_client(server, buyer.token).wait_connected()
    refused = watching.call("stream:join", {"stream_id": stream_id})
    assert refused["error"]["code"] == "followers_only"
    buyer.post(f"/users/{seller.user['id']}/follow")
    assert watching.call("stream:join", {"stream_id": stream_id})["success"] is True

    assert (
        watching.call("stream:chat", {"stream_id": stream_id, "message": "Is it sealed?"})["success"] is True
    )
    assert watching.call("stream:reaction", {"stream_id": stream_id, "emoji": "🔥"})["success"] is True
    seller.post(f"/streams/{stream_id}/products/{product}/tag", {"x": 0.5, "y": 0.5, "timestamp_seconds": 3})
    offer = buyer.post("/offers", {"product_id": product, "offered_price": 250}, expect=201)
    watching.expect("offer:feed")
    seller.patch(f"/offers/{offer['id']}/accept")
    assert watching.expect("product:sold")["productId"] == product
    in_person = {"offer_id": offer["id"], "payment_method": "in_person", "delivery": "meet_up"}
    order = buyer.post("/orders", in_person, expect=201)
    code = buyer.get(f"/orders/{order['id']}")["hand_over_code"]
    seller.post(f"/orders/{order['id']}/hand-over", {"code": code})

    ended = seller.post(f"/streams/{stream_id}/end")
    assert ended["vodUrl"]
    analytics = seller.get(f"/streams/{stream_id}/analytics")
    assert analytics["revenue"] == {
        "totalSales": 1,
        "grossRevenue": 250.00,
        "platformFee": 37.50,
        "netRevenue": 212.50,
    }
    [sold] = analytics["products"]
    assert (sold["purchases"], sold["revenue"], sold["inquiries"]) == (1, 250.00, 1)
    assert buyer.get("/feeds/discover")["items"] == []
