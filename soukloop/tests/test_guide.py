"""The testing guide from its first step to its last: real server, real HTTP, the stock socket.io-client."""

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import httpx
import jwt
import pytest
from django.db import connection

from accounts.models import User
from chat.models import Conversation, Message
from listings.models import Product
from livestream.models import Stream, StreamProduct
from offers.models import Offer, Transaction
from soukloop.core.redis import redis_client
from soukloop.realtime.testing.clients import SocketIoClient
from soukloop.realtime.testing.servers import ServerProcess

pytestmark = pytest.mark.django_db(transaction=True)

BUYER = {
    "email": "testbuyer@soukloop.com",
    "username": "testbuyer",
    "password": "Test123!@#",
    "phone": "+971501234567",
    "full_name": "Test Buyer",
    "role": "buyer",
}
SELLER = {
    "email": "testseller@soukloop.com",
    "username": "testseller",
    "password": "Seller123!@#",
    "phone": "+971507654321",
    "full_name": "Test Seller",
    "role": "seller",
}
JORDAN = {
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
POKEMON = {
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


class App:
    """A person's app: their HTTP client with their token, as the guide's Postman."""

    def __init__(self, base_url: str) -> None:
        self.http = httpx.Client(base_url=f"{base_url}/api/v1", timeout=30)
        self.user: dict[str, Any] = {}
        self.token = ""
        self.refresh_token = ""

    def call(self, method: str, path: str, body: Any = None, *, expect: int = 200, **query: Any) -> Any:
        """Send a request, check its status, and return the whole answer."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        response = self.http.request(method, path, json=body, params=query or None, headers=headers)
        assert response.status_code == expect, f"{method} {path}: {response.status_code} {response.text}"
        assert response.headers["content-type"] == "application/json"
        return response.json()

    def get(self, path: str, **query: Any) -> Any:
        answer = self.call("GET", path, **query)
        assert answer["success"] is True
        return answer["data"]

    def post(self, path: str, body: Any = None, *, expect: int = 200) -> Any:
        answer = self.call("POST", path, body, expect=expect)
        assert answer["success"] is True
        return answer["data"]

    def patch(self, path: str, body: Any = None) -> Any:
        return self.call("PATCH", path, body)["data"]

    def register(self, person: dict[str, str]) -> Any:
        data = self.post("/auth/register", person, expect=201)
        self.user, self.token, self.refresh_token = data["user"], data["access_token"], data["refresh_token"]
        return data


@pytest.fixture
def server(live_server_process: Callable[..., list[ServerProcess]]) -> ServerProcess:
    return live_server_process()[0]


@pytest.fixture
def anybody(server: ServerProcess) -> Iterator[App]:
    app = App(server.url)
    yield app
    app.http.close()


@pytest.fixture
def buyer(server: ServerProcess) -> Iterator[App]:
    app = App(server.url)
    app.register(BUYER)
    yield app
    app.http.close()


@pytest.fixture
def seller(server: ServerProcess) -> Iterator[App]:
    app = App(server.url)
    app.register(SELLER)
    yield app
    app.http.close()


def moment(text: str) -> datetime:
    """Read a time of the API: ISO 8601 in UTC, with `Z`."""
    assert text.endswith("Z"), text
    return datetime.fromisoformat(text)


def test_phase_1_authentication(anybody: App) -> None:
    # 1.1 and 1.2: registration
    data = anybody.register(BUYER)
    assert set(data) == {"access_token", "refresh_token", "token_type", "expires_in", "user"}
    assert (data["token_type"], data["expires_in"]) == ("bearer", 1800)
    assert {key: data["user"][key] for key in ("email", "username", "role", "is_verified")} == {
        "email": BUYER["email"],
        "username": "testbuyer",
        "role": "buyer",
        "is_verified": False,
    }
    for token in (data["access_token"], data["refresh_token"]):
        assert jwt.decode(token, options={"verify_signature": False})["sub"] == data["user"]["id"]
    assert User.objects.get(pk=data["user"]["id"]).is_verified is False
    selling = App(str(anybody.http.base_url).removesuffix("/api/v1/"))
    assert selling.register(SELLER)["user"]["role"] == "seller"

    # 1.3: the code is in Redis for ten minutes
    asked = anybody.call("POST", "/auth/send-otp", {"identifier": BUYER["email"], "type": "email"})
    assert asked == {"success": True, "message": f"OTP sent to {BUYER['email']}", "expires_in": 600}
    key = f"otp:{BUYER['email']}"
    code = redis_client().get(key).decode()
    assert len(code) == 6
    assert 590 < redis_client().ttl(key) <= 600

    # 1.4: a code confirms once, and is gone
    wrong = "000000" if code != "000000" else "111111"
    verify = {"identifier": BUYER["email"], "otp_code": wrong}
    assert anybody.call("POST", "/auth/verify-otp", verify, expect=400)["error"]["code"] == "otp_invalid"
    verified = anybody.call("POST", "/auth/verify-otp", {**verify, "otp_code": code})
    assert verified == {"success": True, "message": "OTP verified successfully"}
    assert redis_client().get(key) is None
    assert User.objects.get(pk=anybody.user["id"]).is_verified is True

    # 1.5: login by any of the three; wrong credentials are refused
    before = User.objects.get(pk=anybody.user["id"]).last_login_at
    for identifier in (BUYER["email"], BUYER["username"], BUYER["phone"]):
        data = anybody.post("/auth/login", {"identifier": identifier, "password": BUYER["password"]})
        assert {"access_token", "refresh_token", "token_type", "expires_in"} <= set(data)
    after = User.objects.get(pk=anybody.user["id"]).last_login_at
    assert after is not None
    assert before is None or after > before
    body = {"identifier": BUYER["email"], "password": "wrong"}
    assert anybody.call("POST", "/auth/login", body, expect=401)["error"]["code"] == "invalid_credentials"

    # 1.6: who am I
    anybody.token = data["access_token"]
    me = anybody.get("/auth/me")
    assert {key: me[key] for key in ("id", "email", "full_name", "role", "is_verified", "is_active")} == {
        "id": anybody.user["id"],
        "email": BUYER["email"],
        "full_name": "Test Buyer",
        "role": "buyer",
        "is_verified": True,
        "is_active": True,
    }
    moment(me["created_at"])
    first, anybody.token = anybody.token, ""
    assert anybody.call("GET", "/auth/me", expect=401)["error"]["code"] == "not_authenticated"

    # 1.7: refresh; the old access token is good until it expires
    fresh = anybody.post("/auth/refresh", {"refresh_token": data["refresh_token"]})
    for anybody.token in (fresh["access_token"], first):
        assert anybody.get("/auth/me")["id"] == anybody.user["id"]


def test_phase_2_products_and_feeds(seller: App, anybody: App) -> None:
    # 2.1: Community, 5 %
    jordan = seller.post("/products", JORDAN, expect=201)
    assert {key: jordan[key] for key in ("title", "price", "feed_type", "is_available")} == {
        "title": JORDAN["title"],
        "price": 850.00,
        "feed_type": "community",
        "is_available": True,
    }
    assert (jordan["platform_fee"], jordan["seller_payout"]) == (42.50, 807.50)
    assert jordan["seller"]["username"].lstrip("@") == "testseller"
    moment(jordan["created_at"])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ST_AsText(location::geometry) FROM listings_product WHERE id = %s", [jordan["id"]]
        )
        assert cursor.fetchone() == ("POINT(55.1369 25.0772)",)

    # 2.2: Discover, 15 %, video required
    pokemon = seller.post("/products", POKEMON, expect=201)
    assert pokemon["platform_fee"] == 44.85
    without_video = {key: value for key, value in POKEMON.items() if key != "video_url"}
    refused = seller.call("POST", "/products", without_video, expect=400)
    assert list(refused["error"]["details"]) == ["video_url"]

    # 2.3: the Discover feed has Discover products only
    feed = anybody.get("/feeds/discover", page=1, per_page=20, sort="recent")
    assert (feed["page"], feed["per_page"], feed["total"], feed["has_more"]) == (1, 20, 1, False)
    [item] = feed["items"]
    assert item["id"] == pokemon["id"]
    assert item["price"] == 299.00
    assert item["video_url"] == POKEMON["video_url"]
    assert item["thumbnail_url"]
    assert item["is_live"] is False
    assert item["seller"]["username"] == "@testseller"
    assert {"avatar_url", "is_verified"} <= set(item["seller"])
    assert anybody.get("/feeds/discover", category="sneakers")["items"] == []

    # 2.4: the Community feed by distance
    near = anybody.get("/feeds/community", latitude=25.0772, longitude=55.1369, radius_km=5, sort="nearest")
    [item] = near["items"]
    assert item["id"] == jordan["id"]
    assert 0 <= item["distance_km"] <= 0.5
    assert item["distance_label"] == "Walking distance"
    assert item["neighborhood"] == "Dubai Marina"
    far = anybody.get("/feeds/community", latitude=24.4539, longitude=54.3773, radius_km=5)
    assert far["items"] == []

    # 2.5: search with filters and facets
    found = anybody.get("/search", q="nike jordan", category="sneakers", min_price=500, max_price=1000)
    assert [item["id"] for item in found["items"]] == [jordan["id"]]
    assert found["total"] == 1
    assert {"category": "sneakers", "count": 1} in found["facets"]["categories"]
    assert {"label": "AED 500-1000", "count": 1} in [
        {"label": bucket["label"], "count": bucket["count"]} for bucket in found["facets"]["price_ranges"]
    ]

    # 2.6: the twelve categories, counted
    categories = {category["slug"]: category for category in anybody.get("/categories")}
    assert len(categories) == 12
    assert {
        key: categories["trading_cards"][key] for key in ("name", "icon", "color", "secondary_color")
    } == {
        "name": "Trading Card Games",
        "icon": "🎴",
        "color": "#9333EA",
        "secondary_color": "#EC4899",
    }
    assert categories["sneakers"]["name"] == "Sneakers & Streetwear"
    for slug in ("trading_cards", "sneakers"):
        assert categories[slug]["total_products"] == 1
        assert categories[slug]["active_listings_count"] == 1
        assert categories[slug]["live_streams_count"] == 0
    assert anybody.get("/categories/sneakers")["slug"] == "sneakers"

    # The checklist: update, and delete softly
    changed = seller.patch(f"/products/{jordan['id']}", {"price": 800})
    assert (changed["price"], changed["platform_fee"]) == (800.00, 40.00)
    assert seller.http.delete(
        f"/products/{jordan['id']}", headers={"Authorization": f"Bearer {seller.token}"}
    ).status_code in (200, 204)
    assert Product.objects.filter(pk=jordan["id"]).exists()
    anybody.call("GET", f"/products/{jordan['id']}", expect=404)


Connect = Callable[..., SocketIoClient]


def test_phase_3_messaging_and_offers(
    server: ServerProcess, buyer: App, seller: App, sio_client: Connect
) -> None:
    product = seller.post("/products", JORDAN, expect=201)

    # 3.1: a conversation with its first message
    conversation = buyer.post(
        "/conversations",
        {
            "other_user_id": seller.user["id"],
            "product_id": product["id"],
            "initial_message": "Hi! Is this item still available?",
        },
        expect=201,
    )
    assert conversation["buyer_id"] == buyer.user["id"]
    assert conversation["seller_id"] == seller.user["id"]
    assert conversation["product_id"] == product["id"]
    assert (conversation["unread_count_buyer"], conversation["unread_count_seller"]) == (0, 1)
    moment(conversation["created_at"])
    messages = f"/conversations/{conversation['id']}/messages"

    # 3.2: the seller answers
    text = "Yes! It's available. Would you like to see more photos?"
    answer = seller.post(messages, {"message_type": "text", "content": text}, expect=201)
    assert {key: answer[key] for key in ("conversation_id", "sender_id", "message_type", "content")} == {
        "conversation_id": conversation["id"],
        "sender_id": seller.user["id"],
        "message_type": "text",
        "content": text,
    }
    row = Conversation.objects.get(pk=conversation["id"])
    assert row.last_message_at == Message.objects.get(pk=answer["id"]).created_at
    assert row.unread_count_buyer == 1

    # 3.3: connect
    buying = sio_client(server, buyer.token).wait_connected()
    buying.expect("connected")
    assert buyer.user["id"].encode() in redis_client().smembers("online_users")
    selling = sio_client(server, seller.token).wait_connected()
    buying.expect("user:online", userId=seller.user["id"])

    # 3.4: join; what is there is read, what is new arrives
    joining = {"conversation_id": conversation["id"]}
    buying.send("conversation:join", joining)
    buying.expect("conversation:joined")
    selling.call("conversation:join", joining)
    row.refresh_from_db()
    assert (row.unread_count_buyer, row.unread_count_seller) == (0, 0)
    sent = seller.post(messages, {"message_type": "text", "content": "Here they are."}, expect=201)
    heard = buying.expect("message:new", messageId=sent["id"])
    assert {key: heard[key] for key in ("userId", "username", "content")} == {
        "userId": seller.user["id"],
        "username": "testseller",
        "content": "Here they are.",
    }
    moment(heard["timestamp"])

    # 3.5: typing
    selling.send("typing:start", joining)
    assert buying.expect("typing:active")["userId"] == seller.user["id"]
    key = f"typing:{conversation['id']}:{seller.user['id']}"
    assert 0 < redis_client().ttl(key) <= 5
    selling.send("typing:stop", joining)
    buying.expect("typing:inactive")

    # 3.6: an offer by REST
    offer = buyer.post(
        "/offers",
        {
            "product_id": product["id"],
            "offered_price": 750.00,
            "message": "Would you accept 750 AED? I can pick up today.",
        },
        expect=201,
    )
    assert {key: offer[key] for key in ("product_id", "offered_price", "original_price", "status")} == {
        "product_id": product["id"],
        "offered_price": 750.00,
        "original_price": 850.00,
        "status": "pending",
    }
    assert (moment(offer["expires_at"]) - moment(offer["created_at"])).total_seconds() == pytest.approx(
        86_400, 1
    )
    assert Message.objects.filter(conversation_id=conversation["id"], message_type="offer").count() == 1
    selling.expect("offer:new")

    # 3.8: an offer by socket
    buying.send(
        "offer:create",
        {"product_id": product["id"], "offered_price": 700.00, "message": "My final offer"},
    )
    created = buying.expect("offer:created", offeredPrice=700.00)
    assert selling.expect("offer:new", offeredPrice=700.00)["offerId"] == created["offerId"]

    # 3.7: accepted; the product is sold, the transaction waits for its payment
    accepted = seller.patch(f"/offers/{created['offerId']}/accept")
    assert accepted["status"] == "accepted"
    assert accepted["message"] == "Offer accepted! Transaction created."
    transaction = Transaction.objects.get(pk=accepted["transaction_id"])
    assert (transaction.status, transaction.price) == ("pending", Decimal("700.00"))
    assert (transaction.platform_fee, transaction.seller_payout) == (Decimal("35.00"), Decimal("665.00"))
    assert Product.objects.get(pk=product["id"]).status == "sold"
    assert Offer.objects.get(pk=created["offerId"]).status == "accepted"
    buying.expect("offer:accepted")


def test_scenario_1_purchase_nearby(buyer: App, seller: App) -> None:
    product = seller.post("/products", JORDAN, expect=201)
    place = {"latitude": 25.0772, "longitude": 55.1369, "radius_km": 5}
    assert [item["id"] for item in buyer.get("/feeds/community", **place)["items"]] == [product["id"]]
    assert buyer.get(f"/products/{product['id']}")["title"] == JORDAN["title"]
    opening = {
        "other_user_id": seller.user["id"],
        "product_id": product["id"],
        "initial_message": "Hi! Is this item still available?",
    }
    conversation = buyer.post("/conversations", opening, expect=201)
    offer = buyer.post("/offers", {"product_id": product["id"], "offered_price": 750}, expect=201)
    accepted = seller.patch(f"/offers/{offer['id']}/accept")
    transaction = Transaction.objects.get(pk=accepted["transaction_id"])
    assert (transaction.status, transaction.fee_rate) == ("pending", Decimal("0.05"))
    assert (transaction.platform_fee, transaction.seller_payout) == (Decimal("37.50"), Decimal("712.50"))
    assert buyer.get("/feeds/community", **place)["items"] == []
    kinds = [
        message["message_type"]
        for message in buyer.get(f"/conversations/{conversation['id']}/messages")["items"]
    ]
    assert sorted(set(kinds)) == ["offer", "system", "text"]


def test_scenario_3_messages_between_two(
    server: ServerProcess, buyer: App, seller: App, sio_client: Connect
) -> None:
    opening = {"other_user_id": seller.user["id"], "initial_message": "Salam!"}
    conversation = buyer.post("/conversations", opening, expect=201)
    joining = {"conversation_id": conversation["id"]}
    a, b = (sio_client(server, app.token).wait_connected() for app in (buyer, seller))
    for client in (a, b):
        assert client.call("conversation:join", joining)["success"] is True
    sent = a.call("message:send", {**joining, "content": "Are you near Marina Mall?"})
    assert (
        b.expect("message:new", content="Are you near Marina Mall?")["messageId"] == sent["data"]["messageId"]
    )
    b.send("typing:start", joining)
    assert a.expect("typing:active")["userId"] == seller.user["id"]
    b.call("message:send", {**joining, "content": "Five minutes away."})
    last = a.expect("message:new", content="Five minutes away.")
    a.call("message:read", joining)
    receipt = b.expect("messages:read", userId=buyer.user["id"], upToSeq=last["seq"])
    assert receipt["conversationId"] == conversation["id"]
    for app in (buyer, seller):
        assert app.get("/conversations/unread-count")["unread_count"] in (0, 1)
    b.call("message:read", joining)
    assert seller.get("/conversations/unread-count")["unread_count"] == 0


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

    # 4.9: analytics, for the owner alone
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
