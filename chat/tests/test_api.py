"""Conversations over REST: the contract's 3.1, lists, archive, reading, refusals."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from accounts.tests.factories import block, client_for, make_seller, make_user
from chat.models import Conversation, Message
from chat.serializers import (
    ConversationOutput,
    ConversationPartnerOutput,
    MessageOutput,
    ReadOutput,
)
from chat.tests.factories import field_names, make_conversation, make_message
from listings.serializers.products import ProductCardOutput
from listings.tests.factories import make_product
from soukloop.core.redis.client import redis_client
from soukloop.realtime import keys

pytestmark = pytest.mark.django_db
URL = "/api/v1/conversations"


def test_contract_3_1_create_conversation() -> None:
    buyer, product = make_user(), make_product()
    response = client_for(buyer).post(
        URL,
        {
            "other_user_id": str(product.seller_id),
            "product_id": str(product.pk),
            "initial_message": "Hi! Is this item still available?",
        },
    )
    assert response.status_code == 201
    data = response.json()["data"]
    conversation = Conversation.objects.get()
    assert set(data) == field_names(ConversationOutput)
    assert set(data["last_message"]) == field_names(MessageOutput)
    assert set(data["other_user"]) == field_names(ConversationPartnerOutput)
    assert set(data["product"]) == field_names(ProductCardOutput)
    assert data["id"] == str(conversation.pk)
    assert data["buyer_id"] == str(buyer.pk)
    assert data["seller_id"] == str(product.seller_id)
    assert data["product_id"] == str(product.pk)
    assert (data["unread_count_buyer"], data["unread_count_seller"]) == (0, 1)
    assert data["created_at"].endswith("Z")
    assert conversation.messages.get().content == "Hi! Is this item still available?"


def test_opening_again_returns_200_with_the_same_conversation() -> None:
    buyer, product = make_user(), make_product()
    client = client_for(buyer)
    body = {"other_user_id": str(product.seller_id), "product_id": str(product.pk)}
    first = client.post(URL, body)
    again = client.post(URL, body | {"initial_message": "Hello?"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["data"]["id"] == again.json()["data"]["id"]
    assert again.json()["data"]["unread_count_seller"] == 1


def test_opening_again_without_an_idempotency_key_sends_the_initial_message_once() -> None:
    buyer, product = make_user(), make_product()
    body = {
        "other_user_id": str(product.seller_id),
        "product_id": str(product.pk),
        "initial_message": "Hi! Is this item still available?",
    }
    first, again = (client_for(buyer).post(URL, body) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["data"] == first.json()["data"]
    assert Message.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "other_user_id"),
        ({"other_user_id": "me"}, "other_user_id"),
        ({"other_user_id": -7}, "other_user_id"),
        ({"other_user_id": str(uuid4()), "product_id": "x"}, "product_id"),
        ({"other_user_id": str(uuid4()), "initial_message": "   "}, "initial_message"),
        ({"other_user_id": str(uuid4()), "initial_message": "a" * 4001}, "initial_message"),
        ({"other_user_id": str(uuid4()), "initial_message": ["a"]}, "initial_message"),
        ({"other_user_id": str(uuid4()), "initial_message": "a\x00b"}, "initial_message"),
        ({"other_user_id": str(uuid4()), "initial_message": "\u200f\u3164"}, "initial_message"),
    ],
)
def test_invalid_input_names_the_field_and_opens_no_conversation(body: dict[str, Any], field: str) -> None:
    response = client_for(make_user()).post(URL, body)
    assert response.status_code == 400
    assert set(response.json()["error"]["details"]) == {field}
    assert not Conversation.objects.exists()


def test_an_unknown_person_is_404() -> None:
    response = client_for(make_user()).post(URL, {"other_user_id": str(uuid4())})
    assert (response.status_code, response.json()["error"]["code"]) == (404, "user_not_found")


class TestLists:
    def test_conversations_are_listed_latest_first_with_message_and_person(self) -> None:
        seller = make_seller()
        older, newer = make_conversation(seller=seller), make_conversation(seller=seller)
        make_message(older, content="Old")
        make_message(newer, content="New")
        redis_client().sadd(keys.ONLINE_USERS, str(newer.buyer_id))
        data = client_for(seller).get(URL).json()["data"]
        assert [
            (
                item["id"],
                item["last_message"]["content"],
                item["unread_count"],
                item["other_user"]["username"],
            )
            for item in data["items"]
        ] == [
            (str(newer.pk), "New", 1, newer.buyer.username),
            (str(older.pk), "Old", 1, older.buyer.username),
        ]
        assert [item["other_user"]["is_online"] for item in data["items"]] == [True, False]
        assert (data["total"], data["page"], data["per_page"], data["has_more"]) == (2, 1, 20, False)

    def test_conversations_are_listed_by_cursor_while_new_messages_arrive(self) -> None:
        seller = make_seller()
        conversations = [make_conversation(seller=seller) for _ in range(5)]
        for conversation in conversations[:4]:
            make_message(conversation)
        client, seen, query = client_for(seller), [], "per_page=2"
        for _ in range(3):
            data = client.get(f"{URL}?{query}").json()["data"]
            seen += [item["id"] for item in data["items"]]
            assert data["total"] == 5
            assert data["has_more"] == (data["next_cursor"] is not None)
            query = f"per_page=2&cursor={data['next_cursor']}"
            make_message(conversations[3])  # moves to the top
        assert sorted(seen) == sorted({str(conversation.pk) for conversation in conversations})
        assert data["next_cursor"] is None

    def test_a_page_by_cursor_takes_as_many_queries_as_the_first_one(
        self, django_assert_num_queries: Any
    ) -> None:
        seller = make_seller()
        for _ in range(3):
            make_message(make_conversation(seller=seller))
        client = client_for(seller)
        cursor = client.get(f"{URL}?per_page=1").json()["data"]["next_cursor"]
        with django_assert_num_queries(2):  # the caller, the page
            data = client.get(f"{URL}?per_page=1&cursor={cursor}").json()["data"]
        assert (len(data["items"]), data["total"]) == (1, 3)

    @pytest.mark.parametrize("cursor", ["x", "WyJ4Il0", "W10", "🔥"])
    def test_an_invalid_cursor_is_refused(self, cursor: str) -> None:
        response = client_for(make_user()).get(URL, {"cursor": cursor})
        assert response.status_code == 400
        assert list(response.json()["error"]["details"]) == ["cursor"]

    def test_conversations_about_a_product_are_found_archived_or_not(self) -> None:
        seller, product = make_seller(), make_product()
        about = make_conversation(seller=product.seller, product=product)
        another = make_conversation(seller=product.seller, product=product)
        make_conversation(buyer=about.buyer, seller=seller)
        Conversation.objects.filter(pk=about.pk).update(buyer_archived=True)

        def found(user: Any, query: str) -> set[str]:
            response = client_for(user).get(f"{URL}?product_id={product.pk}{query}")
            return {item["id"] for item in response.json()["data"]["items"]}

        assert found(about.buyer, "") == {str(about.pk)}
        assert found(about.buyer, "&archived=false") == set()
        assert found(product.seller, "") == {str(about.pk), str(another.pk)}
        assert found(make_user(), "") == set()
        assert client_for(seller).get(f"{URL}?product_id=x").status_code == 400

    def test_conversations_are_listed_in_pages(self) -> None:
        seller = make_seller()
        for _ in range(3):
            make_message(make_conversation(seller=seller))
        client = client_for(seller)
        first = client.get(f"{URL}?per_page=2").json()["data"]
        second = client.get(f"{URL}?per_page=2&page=2").json()["data"]
        assert (len(first["items"]), first["has_more"], len(second["items"])) == (2, True, 1)
        assert not {item["id"] for item in first["items"]} & {item["id"] for item in second["items"]}
        beyond = client.get(f"{URL}?per_page=2&page=9").json()["data"]
        assert (beyond["items"], beyond["total"], beyond["has_more"]) == ([], 3, False)

    def test_listing_one_or_twenty_conversations_takes_the_same_number_of_queries(
        self, django_assert_num_queries: Any
    ) -> None:
        seller = make_seller()
        client = client_for(seller)

        def add(count: int) -> None:
            for _ in range(count):
                make_message(make_conversation(product=make_product(seller=seller)))

        add(1)
        with django_assert_num_queries(2):  # the caller, the page
            client.get(URL)
        add(19)
        with django_assert_num_queries(2):
            assert len(client.get(URL).json()["data"]["items"]) == 20

    def test_archived_conversations_are_listed_separately(self) -> None:
        conversation = make_conversation()
        client = client_for(conversation.buyer)
        assert client.post(f"{URL}/{conversation.pk}/archive").json()["data"]["is_archived"] is True
        assert client.get(URL).json()["data"]["items"] == []
        archived = client.get(f"{URL}?archived=true").json()["data"]["items"]
        assert [(item["id"], item["is_archived"]) for item in archived] == [(str(conversation.pk), True)]
        assert client.post(f"{URL}/{conversation.pk}/unarchive").json()["data"]["is_archived"] is False
        assert len(client.get(URL).json()["data"]["items"]) == 1
        assert client.get(f"{URL}?archived=perhaps").status_code == 400

    def test_reading_lowers_the_unread_counts(self) -> None:
        conversation = make_conversation()
        for _ in range(3):
            make_message(conversation)
        client = client_for(conversation.seller)
        url = f"{URL}/{conversation.pk}/read"
        assert client.get(f"{URL}/unread-count").json()["data"] == {"unread_count": 3, "conversations": 1}
        part = client.post(url, {"up_to_seq": 2}).json()["data"]
        assert set(part) == field_names(ReadOutput)
        assert (part["up_to_seq"], part["unread_count"]) == (2, 1)
        assert client.post(url).json()["data"]["unread_count"] == 0
        assert client.get(f"{URL}/unread-count").json()["data"] == {"unread_count": 0, "conversations": 0}
        bad: Any
        for bad in (-1, "x", 1.5, True, [], 2**70):
            assert client.post(url, {"up_to_seq": bad}).status_code == 400


class TestDoors:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("get", ""),
            ("get", "/messages"),
            ("post", "/messages"),
            ("post", "/read"),
            ("post", "/archive"),
            ("post", "/unarchive"),
        ],
    )
    def test_strangers_get_404_and_guests_401_and_nothing_changes(
        self, method: str, path: str, client: Any
    ) -> None:
        conversation = make_conversation()
        make_message(conversation)
        before = Conversation.objects.values().get()
        url = f"{URL}/{conversation.pk}{path}"
        stranger = client_for(make_user())
        body = {"content": "Hi"} if path == "/messages" else {}
        refused = getattr(stranger, method)(url, body)
        missing = getattr(stranger, method)(url.replace(str(conversation.pk), str(UUID(int=0))), body)
        assert refused.status_code == missing.status_code == 404
        assert refused.json() == missing.json()
        assert getattr(client, method)(url).status_code == 401
        assert Conversation.objects.values().get() == before

    def test_blocked_people_do_not_see_each_other_online(self) -> None:
        conversation = make_conversation()
        people = (conversation.buyer, conversation.seller)
        redis_client().sadd(keys.ONLINE_USERS, *(str(person.pk) for person in people))

        def seen() -> list[bool]:
            answers = [client_for(person).get(f"{URL}/{conversation.pk}").json() for person in people]
            return [answer["data"]["other_user"]["is_online"] for answer in answers]

        assert seen() == [True, True]
        block(*people)
        assert seen() == [False, False]

    def test_a_blocked_conversation_can_be_read_but_not_written(self) -> None:
        conversation = make_conversation()
        make_message(conversation)
        block(conversation.buyer, conversation.seller)
        client = client_for(conversation.seller)
        assert client.get(f"{URL}/{conversation.pk}/messages").status_code == 200
        response = client.post(f"{URL}/{conversation.pk}/messages", {"content": "Why?"})
        assert (response.status_code, response.json()["error"]["code"]) == (403, "messaging_unavailable")

    def test_without_redis_everything_but_presence_works(
        self, monkeypatch: pytest.MonkeyPatch, settings: Any
    ) -> None:
        conversation = make_conversation()
        client = client_for(conversation.buyer)
        settings.CACHES = settings.CACHES | {
            "default": settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1/0"}
        }
        assert client.post(f"{URL}/{conversation.pk}/messages", {"content": "Hi"}).status_code == 201
        assert client.get(URL).status_code == 200
