"""Conversations over both transports, against real web processes: contract 3.3 to 3.5 and scenario 3."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from accounts.models import User
from accounts.tests.factories import block, make_user
from accounts.tokens import access_token_for
from chat import keys
from chat.models import Conversation, Message
from chat.tests.factories import make_conversation, make_message
from soukloop.core.redis.client import redis_client
from soukloop.realtime.keys import ONLINE_USERS
from soukloop.realtime.testing import ServerFactory

pytestmark = pytest.mark.django_db(transaction=True)

Connect = Callable[..., Any]


def rest(server: Any, user: User) -> httpx.Client:
    return httpx.Client(
        base_url=f"{server.url}/api/v1", headers={"Authorization": f"Bearer {access_token_for(user)}"}
    )


def wait_until_online(user: User) -> None:
    deadline = time.monotonic() + 5
    while not redis_client().sismember(ONLINE_USERS, str(user.pk)):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def refresh(conversation: Conversation) -> Conversation:
    conversation.refresh_from_db()
    return conversation


def test_contract_3_3_to_3_5_by_the_stock_client_with_its_defaults(
    live_server_process: ServerFactory, sio_client: Any
) -> None:
    conversation = make_conversation()
    make_message(conversation, conversation.seller, content="Yes! It's available.")
    server = live_server_process()[0]
    buyer = sio_client(server, str(access_token_for(conversation.buyer)))
    buyer.expect("connected")
    wait_until_online(conversation.buyer)
    seller = sio_client(server, str(access_token_for(conversation.seller)))
    seller.expect("connected")
    buyer.expect("user:online", userId=str(conversation.seller_id))

    buyer.send("conversation:join", {"conversation_id": str(conversation.pk)})
    buyer.expect("conversation:joined", conversationId=str(conversation.pk), lastSeq=1)
    seller.expect("messages:read", userId=str(conversation.buyer_id), upToSeq=1)
    assert refresh(conversation).unread_count_buyer == 0
    answer = rest(server, conversation.seller).post(
        f"/conversations/{conversation.pk}/messages", json={"content": "More photos?"}
    )
    received = buyer.expect("message:new")
    assert answer.status_code == 201
    assert received["messageId"] == answer.json()["data"]["id"]
    assert received["userId"] == str(conversation.seller_id)
    assert received["username"] == conversation.seller.username
    assert received["content"] == "More photos?"
    assert received["timestamp"].endswith("Z")

    buyer.send("typing:start", {"conversation_id": str(conversation.pk)})
    active = seller.expect("typing:active")
    assert active == {
        "conversationId": str(conversation.pk),
        "userId": str(conversation.buyer_id),
        "username": conversation.buyer.username,
        "expiresIn": 5,
    }
    ttl = redis_client().pttl(keys.typing(conversation.pk, conversation.buyer_id))
    assert 3000 < ttl <= 5000
    buyer.send("typing:stop", {"conversation_id": str(conversation.pk)})
    seller.expect("typing:inactive", userId=str(conversation.buyer_id))
    assert not redis_client().exists(keys.typing(conversation.pk, conversation.buyer_id))
    assert buyer.named("typing:active") == buyer.named("typing:inactive") == []


def test_scenario_3_between_two_processes(connect: Connect, live_server_process: ServerFactory) -> None:
    conversation = make_conversation()
    at = {"conversation_id": str(conversation.pk)}
    first, second = live_server_process(2)
    a, b = connect(conversation.buyer, first), connect(conversation.seller, second)

    sent = a.call("message:send", at | {"message_type": "text", "content": "Is it still there?"})
    assert sent["success"] is True
    received = b.expect("message:new")
    assert received == sent["data"]
    assert (received["content"], received["seq"], received["messageType"]) == (
        "Is it still there?",
        1,
        "text",
    )

    b.send("typing:start", at)
    a.expect("typing:active", userId=str(conversation.seller_id))
    replied = b.call("message:send", at | {"content": "Yes"})
    a.expect("message:new", messageId=replied["data"]["messageId"])
    a.expect("typing:inactive", userId=str(conversation.seller_id))
    assert (refresh(conversation).unread_count_buyer, conversation.unread_count_seller) == (1, 1)

    a.send("typing:start", at)
    b.expect("typing:active", userId=str(conversation.buyer_id))
    read = a.call("message:read", at)
    assert read["data"] == {"conversationId": str(conversation.pk), "upToSeq": 2, "unreadCount": 0}
    receipt = b.expect("messages:read")
    assert receipt == {
        "conversationId": str(conversation.pk),
        "userId": str(conversation.buyer_id),
        "upToSeq": 2,
    }
    assert (refresh(conversation).unread_count_buyer, conversation.unread_count_seller) == (0, 1)
    assert len(a.named("message:new")) == len(b.named("message:new")) == 2


def test_rest_and_sockets_give_the_same_events_rows_and_refusals(
    connect: Connect, live_server_process: ServerFactory
) -> None:
    conversation = make_conversation()
    url = f"/conversations/{conversation.pk}"
    at = {"conversation_id": str(conversation.pk)}
    seller, buyer = connect(conversation.seller), connect(conversation.buyer)
    with rest(live_server_process()[0], conversation.buyer) as http:
        http.post(f"{url}/messages", json={"content": "One", "client_message_id": "1"})
        buyer.call("message:send", at | {"content": "One", "clientMessageId": "2"})
        by_rest, by_socket = seller.expect("message:new"), seller.expect("message:new")
        same = ("conversationId", "userId", "username", "content", "messageType", "data")
        assert {key: by_rest[key] for key in same} == {key: by_socket[key] for key in same}
        rows = list(Message.objects.order_by("seq").values("message_type", "content", "data", "sender_id"))
        assert rows[0] == rows[1]

        for bad in (
            {"content": " "},
            {"content": "a" * 4001},
            {"content": "a", "message_type": "system"},
            {"content": "no address", "message_type": "image"},
            {"content": "https://example.com/a.jpg", "message_type": "image"},
            {},
        ):
            answer = http.post(f"{url}/messages", json=bad).json()
            assert answer == buyer.call("message:send", at | bad)
            assert answer["error"]["code"] == "validation_error"
    with rest(live_server_process()[0], conversation.seller) as http:
        http.post(f"{url}/read", json={"up_to_seq": 1})
        assert buyer.expect("messages:read")["upToSeq"] == 1
        seller.call("message:read", at | {"upToSeq": 2})
        assert buyer.expect("messages:read")["upToSeq"] == 2
    assert Message.objects.count() == 2


def test_joining_brings_missed_messages_in_order(connect: Connect) -> None:
    conversation = make_conversation()
    for n in range(1, 6):
        make_message(conversation, content=str(n))
    client = connect(conversation.seller)
    joined = client.call("conversation:join", {"conversationId": str(conversation.pk), "afterSeq": 2})
    data = client.expect("conversation:joined")
    assert joined["data"] == {"conversationId": str(conversation.pk), "lastSeq": 5}
    assert [(message["seq"], message["content"]) for message in data["messages"]] == [
        (3, "3"),
        (4, "4"),
        (5, "5"),
    ]
    assert (data["lastSeq"], data["resync"]) == (5, False)
    assert refresh(conversation).unread_count_seller == 0


@pytest.mark.parametrize("connect", ["bare"], indirect=True)
def test_a_client_that_missed_too_many_messages_is_told_to_resync(connect: Connect) -> None:
    conversation = make_conversation()
    now = make_message(conversation).created_at
    Message.objects.bulk_create(
        Message(conversation=conversation, seq=seq, sender=conversation.buyer, content="x", created_at=now)
        for seq in range(2, 303)
    )
    Conversation.objects.update(last_seq=302)
    client = connect(conversation.seller)
    for after_seq, count, resync in ((1, 0, True), (2, 300, False)):
        client.call("conversation:join", {"conversation_id": str(conversation.pk), "after_seq": after_seq})
        data = client.expect("conversation:joined")
        assert (len(data["messages"]), data["resync"], data["lastSeq"]) == (count, resync, 302)


@pytest.mark.parametrize("connect", ["bare"], indirect=True)
def test_typing_ends_by_timeout_by_leaving_and_with_the_connection(connect: Connect) -> None:
    conversation = make_conversation()
    at = {"conversation_id": str(conversation.pk)}
    buyer, seller = connect(conversation.buyer), connect(conversation.seller)

    started = time.monotonic()
    buyer.call("typing:start", at)
    seller.expect("typing:active")
    seller.expect("typing:inactive")
    assert 4.9 < time.monotonic() - started < 8

    buyer.call("typing:start", at)
    seller.expect("typing:active")
    buyer.call("conversation:leave", at)
    seller.expect("typing:inactive", within=2)

    buyer.call("typing:start", at)
    seller.expect("typing:active")
    buyer.close()
    seller.expect("typing:inactive", within=3)
    assert len(seller.named("typing:active")) == len(seller.named("typing:inactive")) == 3


@pytest.mark.parametrize("connect", ["bare"], indirect=True)
def test_typing_again_extends_the_indicator_and_own_devices_get_no_event(connect: Connect) -> None:
    conversation = make_conversation()
    at = {"conversation_id": str(conversation.pk)}
    buyer, tablet, seller = (
        connect(conversation.buyer),
        connect(conversation.buyer),
        connect(conversation.seller),
    )
    buyer.call("typing:start", at)
    time.sleep(3)
    buyer.call("typing:start", at)
    assert seller.receives_no("typing:inactive", within=3.2)
    seller.expect("typing:inactive", within=4)
    assert buyer.named("typing:active") == tablet.named("typing:active") == []


def test_every_device_of_both_people_gets_a_message_once(connect: Connect) -> None:
    conversation = make_conversation()
    phone, tablet = connect(conversation.seller), connect(conversation.seller)
    buyer = connect(conversation.buyer)
    stranger = connect(make_user())
    phone.call("conversation:join", {"conversation_id": str(conversation.pk)})
    for n in range(3):
        buyer.call("message:send", {"conversation_id": str(conversation.pk), "content": str(n)})
    for client in (phone, tablet, buyer):
        client.expect("message:new", seq=3)
        assert client.receives_no("message:new", within=0.2)
        assert [message["seq"] for message in client.named("message:new")] == [1, 2, 3]
    assert stranger.receives_no("message:new", within=0)


def test_the_same_client_message_id_is_acknowledged_twice_and_sent_once(connect: Connect) -> None:
    conversation = make_conversation()
    buyer, seller = connect(conversation.buyer), connect(conversation.seller)
    data = {"conversation_id": str(conversation.pk), "content": "Hi", "clientMessageId": "phone-1"}
    assert buyer.call("message:send", data) == buyer.call("message:send", data)
    seller.expect("message:new")
    assert seller.receives_no("message:new")


def test_strangers_are_refused_and_their_messages_are_not_delivered(connect: Connect) -> None:
    conversation = make_conversation()
    seller, stranger = connect(conversation.seller), connect(make_user())
    heard_before = len(seller.events)
    for command in ("conversation:join", "message:send", "message:read", "typing:start", "typing:stop"):
        text = {"content": "Hi"} if command == "message:send" else {}
        ack = stranger.call(command, {"conversation_id": str(conversation.pk), **text})
        assert (ack["success"], ack["error"]["code"]) == (False, "conversation_not_found")
    assert not Message.objects.exists()
    assert len(seller.events) == heard_before


def test_blocked_people_are_refused_both_ways(connect: Connect) -> None:
    conversation = make_conversation()
    block(conversation.seller, conversation.buyer)
    buyer, seller = connect(conversation.buyer), connect(conversation.seller)
    conversation_id = {"conversation_id": str(conversation.pk)}
    for command, data in (
        ("message:send", {**conversation_id, "content": "Hi"}),
        ("typing:start", conversation_id),
    ):
        refusals = [client.call(command, data) for client in (buyer, seller)]
        assert refusals[0] == refusals[1]
        assert refusals[0]["error"]["code"] == "messaging_unavailable"
    assert not Message.objects.exists()
    for client in (buyer, seller):
        assert client.named("typing:active") == client.named("message:new") == []


def test_invalid_data_is_refused_with_the_field(connect: Connect) -> None:
    client = connect(make_user())
    for data in (
        {},
        {"conversation_id": None},
        {"conversation_id": "x"},
        {"conversation_id": [1]},
        {"conversation_id": {"a": 1}},
        {"conversation_id": "0" * 10_000},
        {"conversation_id": 5},
        {"conversation_id": True},
        {"conversationId": "00000000000040008000000000000000"},
        {"conversationId": "{00000000-0000-4000-8000-000000000000}"},
        {"conversationId": "urn:uuid:00000000-0000-4000-8000-000000000000"},
    ):
        for command in ("conversation:join", "conversation:leave", "message:read", "typing:start"):
            ack = client.call(command, data)
            assert ack["error"]["code"] == "validation_error"
            assert "conversation_id" in ack["error"]["details"]


def test_messages_without_visible_characters_are_refused(connect: Connect) -> None:
    conversation = make_conversation()
    client = connect(conversation.buyer)
    for content in ("\u200b", "\u200f \u202e", "\u3164"):
        ack = client.call("message:send", {"conversation_id": str(conversation.pk), "content": content})
        assert ack["error"]["details"] == {"content": ["This field has no visible characters."]}
    assert not Message.objects.exists()


def test_the_socket_of_a_conversation_joins_it_on_connect(
    live_server_process: ServerFactory, bare_client: Any
) -> None:
    conversation = make_conversation()
    make_message(conversation)
    server = live_server_process()[0]
    client = bare_client(
        server, str(access_token_for(conversation.seller)), path=f"/ws/conversations/{conversation.pk}/"
    )
    client.expect("conversation:joined", lastSeq=1)
    make_message_over_rest = rest(server, conversation.buyer)
    make_message_over_rest.post(f"/conversations/{conversation.pk}/messages", json={"content": "Hi"})
    client.expect("message:new", seq=2)


def test_a_message_to_an_offline_person_is_in_their_inbox(
    connect: Connect, live_server_process: ServerFactory
) -> None:
    conversation = make_conversation()
    buyer = connect(conversation.buyer)
    buyer.call("message:send", {"conversation_id": str(conversation.pk), "content": "Hi"})
    seller = connect(conversation.seller)
    with rest(live_server_process()[0], conversation.seller) as http:
        inbox = http.get("/notifications").json()["data"]
        assert [(item["kind"], item["body"]) for item in inbox["items"]] == [("message_new", "Hi")]
        buyer.call("message:send", {"conversation_id": str(conversation.pk), "content": "Still here?"})
        seller.expect("message:new", seq=2)
        assert http.get("/notifications/unread-count").json()["data"] == {"unread_count": 1}
        seller.call("conversation:join", {"conversation_id": str(conversation.pk)})
        assert http.get("/notifications/unread-count").json()["data"] == {"unread_count": 0}


def test_messages_are_edited_and_deleted_by_commands_and_the_other_side_is_told(
    live_server_process: ServerFactory, sio_client: Any
) -> None:
    conversation = make_conversation()
    message = make_message(conversation)
    server = live_server_process()[0]
    buyer = sio_client(server, str(access_token_for(conversation.buyer)))
    seller = sio_client(server, str(access_token_for(conversation.seller)))
    for client in (buyer, seller):
        client.wait_connected()
    ids = {"conversation_id": str(conversation.pk), "messageId": str(message.pk)}
    edited = buyer.call("message:edit", ids | {"content": "Corrected"})
    assert edited["data"] == seller.expect("message:edited", content="Corrected")
    refused = seller.call("message:edit", ids | {"content": "Mine"})
    assert refused["error"]["code"] == "message_not_yours"
    deleted = buyer.call("message:delete", ids)
    assert deleted["data"] == seller.expect("message:deleted", messageId=str(message.pk))
    assert buyer.expect("message:deleted") == deleted["data"]
    joined = seller.call("conversation:join", {"conversation_id": str(conversation.pk), "after_seq": 0})
    assert joined["success"]
    [caught_up] = seller.expect("conversation:joined")["messages"]
    assert (caught_up["content"], caught_up["deletedAt"]) == (None, deleted["data"]["deletedAt"])
