"""Phase 3: messages and offers, with scenario 1 (a purchase nearby) and scenario 3 (two people chatting)."""

from decimal import Decimal

import pytest

from chat.models import Conversation, Message
from listings.models import Product
from offers.models import Offer, Transaction
from soukloop.core.redis.client import redis_client
from soukloop.realtime.testing.servers import ServerProcess
from soukloop.realtime.testing.waiting import wait_until
from soukloop.tests.contract.people import JORDAN, App, Connect, moment

pytestmark = pytest.mark.django_db(transaction=True)


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
    wait_until(lambda: buyer.user["id"].encode() in redis_client().smembers("online_users"), "presence")
    selling = sio_client(server, seller.token).wait_connected()
    buying.expect("user:online", userId=seller.user["id"])

    # 3.4: joining marks messages as read, and new ones arrive as events
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

    # 3.7: the offer is accepted, the product is sold, the transaction is pending
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


def test_scenario_3_two_people_chatting(
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
