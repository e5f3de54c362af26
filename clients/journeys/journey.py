"""The whole journey of two people, with the Python client that openapi-python-client generates.

    openapi-python-client generate --url http://localhost:8000/openapi.json --meta none \\
        --output-path soukloop_api
    python clients/journeys/journey.py http://localhost:8000

One-time codes are read from REDIS_URL, as a developer does; a server with DEBUG keeps them there.
"""

import asyncio
import json
import os
import sys
import uuid
from typing import Any

import redis
import socketio
from soukloop_api import AuthenticatedClient, Client
from soukloop_api.api.account import (
    delete_my_account,
    get_my_account,
    log_in,
    log_out,
    refresh_tokens,
    register,
    send_one_time_code,
    verify_one_time_code,
)
from soukloop_api.api.browse import list_community_feed, search_products
from soukloop_api.api.conversations import list_conversations, open_conversation
from soukloop_api.api.live_streams import create_stream, end_stream, go_live
from soukloop_api.api.notifications import get_badges, list_notifications, mark_notifications_read
from soukloop_api.api.offers import accept_offer
from soukloop_api.api.orders import confirm_order, get_order, hand_over, list_sales, place_order
from soukloop_api.api.people import follow_person
from soukloop_api.api.products import add_favorite, create_product
from soukloop_api.models import (
    CodeChannel,
    DeleteAccountInput,
    ErrorCode,
    ErrorResponse,
    GoLiveInput,
    HandOverInput,
    LoginInput,
    MarkReadInput,
    OfferStatus,
    OpenConversationInput,
    OrderInput,
    OrderState,
    ProductInput,
    RefreshInput,
    RegisterInput,
    Role,
    SendOtpInput,
    StreamInput,
    StreamStatus,
    VerifyOtpInput,
)

BASE_URL = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:8000"
PASSWORD = "Marina-2026!"  # noqa: S105 - of people that each run makes
HERE = {"latitude": 25.0772, "longitude": 55.1369}
SUFFIX = uuid.uuid4().hex[:8]
ANSWER_TIMEOUT = 20.0  # seconds


def data(answer: Any) -> Any:
    """Return what a successful answer has in its envelope."""
    if isinstance(answer, ErrorResponse):
        raise AssertionError(f"refused: {answer.to_dict()}")
    return answer.data


def code_of(answer: Any) -> ErrorCode:
    """Return the code of an answer that has to be a refusal."""
    assert isinstance(answer, ErrorResponse), answer
    return answer.error.code


def authenticated(login: Any) -> AuthenticatedClient:
    return AuthenticatedClient(base_url=BASE_URL, token=login.access_token)


class Person:
    """An account with its clients over REST and sockets."""

    def __init__(self, role: Role, phone: str) -> None:
        guest = Client(base_url=BASE_URL)
        self.username = f"{role.value}_{SUFFIX}"
        email = f"{self.username}@example.com"
        form = RegisterInput(email=email, username=self.username, password=PASSWORD, phone=phone, role=role)
        registered = data(register.sync(client=guest, body=form, idempotency_key=uuid.uuid4().hex))
        assert not registered.user.is_verified
        send_one_time_code.sync(client=guest, body=SendOtpInput(identifier=email, type_=CodeChannel.EMAIL))
        otp = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True).get(f"otp:{email}")
        verify_one_time_code.sync(client=guest, body=VerifyOtpInput(identifier=email, otp_code=str(otp)))
        login = data(log_in.sync(client=guest, body=LoginInput(identifier=self.username, password=PASSWORD)))
        renewed = data(refresh_tokens.sync(client=guest, body=RefreshInput(login.refresh_token)))
        self.client, self.token = authenticated(renewed), renewed.access_token
        me = data(get_my_account.sync(client=self.client))
        assert (me.id, me.is_verified) == (registered.user.id, True)
        self.id = me.id
        self.socket = socketio.AsyncClient()
        self._events: list[tuple[str, Any]] = []
        self._arrived = asyncio.Event()
        self.socket.on("*", self._receive)

    async def _receive(self, event: str, received: Any) -> None:
        self._events.append((event, received))
        self._arrived.set()

    async def connect(self) -> None:
        await self.socket.connect(BASE_URL, auth={"token": self.token})
        assert (await self.expect("connected"))["userId"] == str(self.id)

    async def expect(self, event: str) -> Any:
        """Wait for an event that hasn't been waited for yet, and return its data."""
        async with asyncio.timeout(ANSWER_TIMEOUT):
            while True:
                for index, (name, received) in enumerate(self._events):
                    if name == event:
                        del self._events[index]
                        return received
                self._arrived.clear()
                await self._arrived.wait()

    async def command(self, name: str, values: dict[str, Any]) -> Any:
        acknowledged = await self.socket.call(name, values, timeout=ANSWER_TIMEOUT)
        assert acknowledged["success"], acknowledged
        return acknowledged["data"]


async def main() -> None:
    done = []
    seller = Person(Role.SELLER, f"+97150{uuid.uuid4().int % 10**7:07}")
    buyer = Person(Role.BUYER, f"+97155{uuid.uuid4().int % 10**7:07}")
    wrong = log_in.sync(client=Client(base_url=BASE_URL), body=LoginInput(buyer.username, "Wrong-2026!"))
    assert code_of(wrong) == ErrorCode.INVALID_CREDENTIALS
    done.append("register, confirm, log in, refresh")

    product = data(
        create_product.sync(
            client=seller.client,
            body=ProductInput.from_dict(
                {
                    "title": f"Nike Air Jordan {SUFFIX}",
                    "description": "Size 42, never worn.",
                    "price": 850,
                    "category": "sneakers",
                    "condition": "new",
                    "feed_type": "community",
                    "neighborhood": "Dubai Marina",
                    "location": HERE,
                }
            ),
        )
    )
    assert product.platform_fee == 42.5
    nearby = data(list_community_feed.sync(client=buyer.client, radius_km=5, **HERE))
    assert product.id in [card.id for card in nearby.items]
    found = data(search_products.sync(client=buyer.client, q=SUFFIX))
    assert [card.id for card in found.items] == [product.id]
    data(add_favorite.sync(product.id, client=buyer.client))
    data(follow_person.sync(seller.id, client=buyer.client))
    done.append("list, browse, search")

    await asyncio.gather(seller.connect(), buyer.connect())
    opening = OpenConversationInput(seller.id, product_id=product.id, initial_message="Still available?")
    conversation = data(open_conversation.sync(client=buyer.client, body=opening))
    assert (await seller.expect("message:new"))["content"] == "Still available?"
    room = {"conversation_id": str(conversation.id)}
    await seller.command("conversation:join", room | {"afterSeq": 0})
    assert [each["seq"] for each in (await seller.expect("conversation:joined"))["messages"]] == [1]
    await buyer.command("message:send", room | {"content": "Today?", "clientMessageId": uuid.uuid4().hex})
    assert (await seller.expect("message:new"))["content"] == "Today?"
    assert data(list_conversations.sync(client=buyer.client)).items[0].last_message.content == "Today?"
    done.append("chat")

    offer = await buyer.command("offer:create", {"product_id": str(product.id), "offered_price": 750})
    assert (await seller.expect("offer:new"))["offerId"] == offer["offerId"]
    accepted = data(accept_offer.sync(uuid.UUID(offer["offerId"]), client=seller.client))
    assert accepted.status == OfferStatus.ACCEPTED
    again = accept_offer.sync(uuid.UUID(offer["offerId"]), client=seller.client)
    assert code_of(again) == ErrorCode.OFFER_ACCEPTED
    done.append("offer and acceptance")

    agreed = {"offer_id": offer["offerId"], "payment_method": "in_person", "delivery": "meet_up"}
    order_input = OrderInput.from_dict(agreed)
    order = data(place_order.sync(client=buyer.client, body=order_input, idempotency_key=uuid.uuid4().hex))
    assert (order.state, order.price) == (OrderState.AUTHORISED, 750)
    for person in (buyer, seller):
        assert (await person.expect("order:created"))["orderId"] == str(order.id)
        assert (await person.expect("order:updated"))["what"] == "authorised_in_person"
    code = data(get_order.sync(order.id, client=buyer.client)).hand_over_code
    assert data(get_order.sync(order.id, client=seller.client)).hand_over_code is None
    data(hand_over.sync(order.id, client=seller.client, body=HandOverInput(code)))
    data(confirm_order.sync(order.id, client=buyer.client))
    for person in (buyer, seller):
        whats = [(await person.expect("order:updated"))["what"] for _ in range(2)]
        assert whats == ["handed_over", "completed"]
    [sale] = data(list_sales.sync(client=seller.client)).items
    assert (sale.state, sale.seller_payout) == (OrderState.COMPLETED, 712.5)
    done.append("order, hand-over, completion")

    planned = data(create_stream.sync(client=seller.client, body=StreamInput("Half price", "sneakers")))
    ready = GoLiveInput(camera_ready=True, checklist_complete=True)
    live = data(go_live.sync(planned.stream_id, client=seller.client, body=ready))
    assert live.status == StreamStatus.LIVE
    stream = {"stream_id": str(planned.stream_id)}
    await asyncio.gather(buyer.command("stream:join", stream), seller.command("stream:join", stream))
    await seller.command("stream:chat", stream | {"message": "Welcome!"})
    assert (await buyer.expect("chat:message"))["message"] == "Welcome!"
    await buyer.command("stream:reaction", stream | {"emoji": "❤️"})
    assert (await seller.expect("reaction:new"))["userId"] == str(buyer.id)
    ended = data(end_stream.sync(planned.stream_id, client=seller.client))
    assert ended.stats.total_likes == 1
    done.append("live stream")

    inbox = data(list_notifications.sync(client=seller.client))
    assert "offer_new" in [each.kind.value for each in inbox.items]
    assert data(get_badges.sync(client=seller.client)).unread_notifications >= 1
    mark_notifications_read.sync(client=seller.client, body=MarkReadInput(all_=True))
    assert data(get_badges.sync(client=seller.client)).unread_notifications == 0
    done.append("notifications and badges")

    delete_my_account.sync_detailed(client=buyer.client, body=DeleteAccountInput(PASSWORD))
    assert code_of(get_my_account.sync(client=buyer.client)) == ErrorCode.ACCOUNT_DELETED
    assert log_out.sync_detailed(client=seller.client).status_code in (200, 204)
    await asyncio.gather(seller.socket.disconnect(), buyer.socket.disconnect())
    done.append("deleted account, logout")
    print(json.dumps({"done": done}))


asyncio.run(main())
