"""Conversations over REST: the contract's 3.1 and 3.2, lists, pages, archive, images, refusals."""

import io
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from accounts.tests.factories import block, client_for, make_seller, make_user
from chat import services
from chat.models import Conversation, Message
from chat.serializers import (
    ConversationOutput,
    ConversationPartnerOutput,
    MessageOutput,
    ReadOutput,
)
from chat.tests.factories import make_conversation, make_message
from listings.serializers.products import ProductCardOutput
from listings.tests.factories import make_product
from soukloop.core.redis.client import redis_client
from soukloop.realtime import keys

pytestmark = pytest.mark.django_db
URL = "/api/v1/conversations"


def names(shape: Any) -> set[str]:
    return set(shape().fields)


def png(size: tuple[int, int] = (40, 30)) -> SimpleUploadedFile:
    encoded = io.BytesIO()
    Image.new("RGB", size, "teal").save(encoded, "PNG")
    return SimpleUploadedFile("photo.png", encoded.getvalue(), "image/png")


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
    assert set(data) == names(ConversationOutput)
    assert set(data["last_message"]) == names(MessageOutput)
    assert set(data["other_user"]) == names(ConversationPartnerOutput)
    assert set(data["product"]) == names(ProductCardOutput)
    assert data["id"] == str(conversation.pk)
    assert data["buyer_id"] == str(buyer.pk)
    assert data["seller_id"] == str(product.seller_id)
    assert data["product_id"] == str(product.pk)
    assert (data["unread_count_buyer"], data["unread_count_seller"]) == (0, 1)
    assert data["created_at"].endswith("Z")
    assert conversation.messages.get().content == "Hi! Is this item still available?"


def test_contract_3_2_send_message() -> None:
    conversation = make_conversation()
    response = client_for(conversation.seller).post(
        f"{URL}/{conversation.pk}/messages",
        {"message_type": "text", "content": "Yes! It's available. Would you like to see more photos?"},
    )
    assert response.status_code == 201
    data = response.json()["data"]
    message = Message.objects.get()
    conversation.refresh_from_db()
    assert set(data) == names(MessageOutput)
    assert data == data | {
        "id": str(message.pk),
        "conversation_id": str(conversation.pk),
        "sender_id": str(conversation.seller_id),
        "message_type": "text",
        "content": "Yes! It's available. Would you like to see more photos?",
        "seq": 1,
    }
    assert conversation.last_message_at == message.created_at
    assert conversation.unread_count_buyer == 1


def test_opening_again_answers_200_with_the_same_conversation() -> None:
    buyer, product = make_user(), make_product()
    client = client_for(buyer)
    body = {"other_user_id": str(product.seller_id), "product_id": str(product.pk)}
    first = client.post(URL, body)
    again = client.post(URL, body | {"initial_message": "Hello?"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["data"]["id"] == again.json()["data"]["id"]
    assert again.json()["data"]["unread_count_seller"] == 1


def test_an_opening_that_is_retried_without_a_key_says_its_message_once() -> None:
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


def test_an_idempotency_key_sends_once() -> None:
    conversation = make_conversation()
    client = client_for(conversation.buyer)
    answers = [
        client.post(
            f"{URL}/{conversation.pk}/messages", {"content": "Hi"}, headers={"Idempotency-Key": "k-1"}
        )
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].content == answers[1].content
    assert conversation.messages.count() == 1


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
def test_bad_openings_name_the_field_and_make_nothing(body: dict[str, Any], field: str) -> None:
    response = client_for(make_user()).post(URL, body)
    assert response.status_code == 400
    assert set(response.json()["error"]["details"]) == {field}
    assert not Conversation.objects.exists()


def test_nobody_there_is_404() -> None:
    response = client_for(make_user()).post(URL, {"other_user_id": str(uuid4())})
    assert (response.status_code, response.json()["error"]["code"]) == (404, "user_not_found")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "content"),
        ({"content": ""}, "content"),
        ({"content": " \n\t "}, "content"),
        ({"content": "\u200b"}, "content"),
        ({"content": "\u200f \u202e\n"}, "content"),
        ({"content": "\u3164\u2800"}, "content"),
        ({"content": "a\x1b[31m"}, "content"),
        ({"content": 5}, "content"),
        ({"content": None}, "content"),
        ({"content": 5.5e3, "message_type": "image"}, "content"),
        ({"content": "a" * 4001}, "content"),
        ({"content": "a\x00"}, "content"),
        ({"content": {"text": "a"}}, "content"),
        ({"content": "a", "message_type": "offer"}, "message_type"),
        ({"content": "a", "message_type": "system"}, "message_type"),
        ({"content": "a", "message_type": "video"}, "message_type"),
        ({"content": "a", "client_message_id": "a" * 65}, "client_message_id"),
        ({"content": "a", "client_message_id": {}}, "client_message_id"),
        ({"content": "javascript:alert(1)", "message_type": "image"}, "content"),
        ({"content": "ftp://example.com/a.jpg", "message_type": "image"}, "content"),
        ({"content": "https://exa mple.com/a.jpg", "message_type": "image"}, "content"),
        ({"content": "https://example.com/" + "a" * 2000, "message_type": "image"}, "content"),
    ],
)
def test_bad_messages_name_the_field_and_change_nothing(body: dict[str, Any], field: str) -> None:
    conversation = make_conversation()
    response = client_for(conversation.buyer).post(f"{URL}/{conversation.pk}/messages", body)
    assert response.status_code == 400
    assert set(response.json()["error"]["details"]) == {field}
    assert not Message.objects.exists()
    conversation.refresh_from_db()
    assert (conversation.last_seq, conversation.unread_count_seller) == (0, 0)


def test_a_message_of_4000_characters_is_kept_to_the_letter() -> None:
    conversation = make_conversation()
    content = "  " + "م" * 3996 + "🔥\n"
    response = client_for(conversation.buyer).post(f"{URL}/{conversation.pk}/messages", {"content": content})
    assert response.status_code == 201
    assert response.json()["data"]["content"] == content == Message.objects.get().content


@pytest.mark.parametrize("content", ["👨\u200d👩\u200d👧", "❤️", "\u200fمرحبا\u200f", "سطر\nline", "."])
def test_what_can_be_seen_is_kept_with_the_signs_beside_it(content: str) -> None:
    conversation = make_conversation()
    response = client_for(conversation.buyer).post(f"{URL}/{conversation.pk}/messages", {"content": content})
    assert response.json()["data"]["content"] == content == Message.objects.get().content


def test_an_image_elsewhere_is_an_address() -> None:
    conversation = make_conversation()
    response = client_for(conversation.buyer).post(
        f"{URL}/{conversation.pk}/messages",
        {"message_type": "image", "content": "https://example.com/shoe.jpg"},
    )
    assert response.status_code == 201
    assert response.json()["data"]["content"] == "https://example.com/shoe.jpg"


class TestUploads:
    @pytest.fixture(autouse=True)
    def media(self, settings: Any, tmp_path: Any) -> None:
        settings.STORAGES = settings.STORAGES | {
            "default": {
                "BACKEND": "django.core.files.storage.FileSystemStorage",
                "OPTIONS": {"location": str(tmp_path), "base_url": "http://media.test/uploads/"},
            }
        }
        self.folder = tmp_path / "chat"

    def send(self, conversation: Conversation, **fields: Any) -> Any:
        client = client_for(conversation.buyer)
        return client.post(f"{URL}/{conversation.pk}/images", fields, format="multipart")

    def test_a_picture_is_stored_and_sent(self) -> None:
        conversation = make_conversation()
        response = self.send(conversation, image=png())
        assert response.status_code == 201
        data = response.json()["data"]
        assert data["message_type"] == "image"
        assert data["content"].startswith("http://media.test/uploads/chat/")
        assert data["data"] == {"width": 40, "height": 30}
        assert len(list(self.folder.iterdir())) == 1

    def test_the_same_client_message_id_is_one_message_and_one_file(self) -> None:
        conversation = make_conversation()
        one, two = (self.send(conversation, image=png(), client_message_id="p-1") for _ in range(2))
        assert one.json()["data"] == two.json()["data"]
        assert len(list(self.folder.iterdir())) == 1

    def test_what_is_no_picture_is_refused_and_nothing_is_kept(self) -> None:
        conversation = make_conversation()
        response = self.send(conversation, image=SimpleUploadedFile("a.png", b"GIF89a not really"))
        assert (response.status_code, response.json()["error"]["code"]) == (400, "image_invalid")
        assert self.send(conversation).status_code == 400
        assert not Message.objects.exists()
        assert not self.folder.exists()

    def test_strangers_cannot_upload(self) -> None:
        conversation = make_conversation()
        response = client_for(make_user()).post(
            f"{URL}/{conversation.pk}/images", {"image": png()}, format="multipart"
        )
        assert response.status_code == 404
        assert not self.folder.exists()


class TestMessages:
    def seqs(self, client: Any, conversation: Conversation, query: str) -> tuple[list[int], bool, int]:
        data = client.get(f"{URL}/{conversation.pk}/messages{query}").json()["data"]
        return [item["seq"] for item in data["items"]], data["has_more"], data["last_seq"]

    def test_they_come_in_order_from_either_end(self) -> None:
        conversation = make_conversation()
        for _ in range(7):
            make_message(conversation)
        client = client_for(conversation.seller)
        assert self.seqs(client, conversation, "") == ([1, 2, 3, 4, 5, 6, 7], False, 7)
        assert self.seqs(client, conversation, "?limit=3") == ([5, 6, 7], True, 7)
        assert self.seqs(client, conversation, "?limit=3&before_seq=5") == ([2, 3, 4], True, 7)
        assert self.seqs(client, conversation, "?before_seq=3") == ([1, 2], False, 7)
        assert self.seqs(client, conversation, "?after_seq=2&limit=2") == ([3, 4], True, 7)
        assert self.seqs(client, conversation, "?after_seq=5") == ([6, 7], False, 7)
        assert self.seqs(client, conversation, "?after_seq=7") == ([], False, 7)
        assert self.seqs(client, conversation, "?after_seq=2&before_seq=5") == ([3, 4], False, 7)

    @pytest.mark.parametrize(
        "query",
        ["limit=0", "limit=101", "limit=x", "before_seq=-1", "after_seq=-1", "after_seq=1e9", "before_seq=²"],
    )
    def test_bad_queries_name_the_field(self, query: str) -> None:
        conversation = make_conversation()
        response = client_for(conversation.buyer).get(f"{URL}/{conversation.pk}/messages?{query}")
        assert response.status_code == 400
        assert set(response.json()["error"]["details"]) == {query.partition("=")[0]}

    def test_reading_them_marks_nothing_and_takes_a_constant_number_of_queries(
        self, django_assert_num_queries: Any
    ) -> None:
        conversation = make_conversation()
        for sender in (conversation.buyer, conversation.seller) * 5:
            make_message(conversation, sender)
        client = client_for(conversation.seller)
        with django_assert_num_queries(3):  # the caller, the conversation, the messages
            client.get(f"{URL}/{conversation.pk}/messages")
        conversation.refresh_from_db()
        assert conversation.unread_count_seller == 5

    def test_a_hidden_one_keeps_its_place_without_its_content(self) -> None:
        conversation = make_conversation()
        message = make_message(conversation, content="rude")
        services.hide_message(actor=make_user(is_staff=True), message_id=message.pk, reason="Abuse")
        data = client_for(conversation.seller).get(f"{URL}/{conversation.pk}/messages").json()["data"]
        assert [(item["content"], item["is_hidden"]) for item in data["items"]] == [("", True)]


class TestLists:
    def test_the_latest_comes_first_with_all_that_a_row_shows(self) -> None:
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

    def test_pages(self) -> None:
        seller = make_seller()
        for _ in range(3):
            make_message(make_conversation(seller=seller))
        client = client_for(seller)
        first = client.get(f"{URL}?per_page=2").json()["data"]
        second = client.get(f"{URL}?per_page=2&page=2").json()["data"]
        assert (len(first["items"]), first["has_more"], len(second["items"])) == (2, True, 1)
        assert not {item["id"] for item in first["items"]} & {item["id"] for item in second["items"]}

    def test_one_conversation_or_twenty_take_the_same_queries(self, django_assert_num_queries: Any) -> None:
        seller = make_seller()
        client = client_for(seller)

        def add(count: int) -> None:
            for _ in range(count):
                make_message(make_conversation(product=make_product(seller=seller)))

        add(1)
        with django_assert_num_queries(4):  # the caller, the hidden people, the count, the page
            client.get(URL)
        add(19)
        with django_assert_num_queries(4):
            assert len(client.get(URL).json()["data"]["items"]) == 20

    def test_archived_ones_are_listed_apart(self) -> None:
        conversation = make_conversation()
        client = client_for(conversation.buyer)
        assert client.post(f"{URL}/{conversation.pk}/archive").json()["data"]["is_archived"] is True
        assert client.get(URL).json()["data"]["items"] == []
        archived = client.get(f"{URL}?archived=true").json()["data"]["items"]
        assert [(item["id"], item["is_archived"]) for item in archived] == [(str(conversation.pk), True)]
        assert client.post(f"{URL}/{conversation.pk}/unarchive").json()["data"]["is_archived"] is False
        assert len(client.get(URL).json()["data"]["items"]) == 1
        assert client.get(f"{URL}?archived=perhaps").status_code == 400

    def test_unread_counts_and_reading(self) -> None:
        conversation = make_conversation()
        for _ in range(3):
            make_message(conversation)
        client = client_for(conversation.seller)
        url = f"{URL}/{conversation.pk}/read"
        assert client.get(f"{URL}/unread-count").json()["data"] == {"unread_count": 3, "conversations": 1}
        part = client.post(url, {"up_to_seq": 2}).json()["data"]
        assert set(part) == names(ReadOutput)
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
    def test_strangers_find_nothing_and_anonymous_people_must_log_in(
        self, method: str, path: str, client: Any
    ) -> None:
        conversation = make_conversation()
        make_message(conversation)
        before = Conversation.objects.values().get()
        url = f"{URL}/{conversation.pk}{path}"
        stranger = client_for(make_user())
        refused = getattr(stranger, method)(url, {"content": "Hi"} if path == "/messages" else {})
        missing = getattr(stranger, method)(
            url.replace(str(conversation.pk), str(UUID(int=0))), {"content": "Hi"}
        )
        assert refused.status_code == missing.status_code == 404
        assert refused.json() == missing.json()
        assert getattr(client, method)(url).status_code == 401
        assert Conversation.objects.values().get() == before

    def test_who_is_blocked_does_not_see_who_is_online(self) -> None:
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


def test_sending_takes_few_queries(django_assert_max_num_queries: Any) -> None:
    conversation = make_conversation()
    redis_client().sadd(keys.ONLINE_USERS, str(conversation.seller_id))
    client = client_for(conversation.buyer)
    # The caller, a savepoint, the locked conversation, whether the other is reachable, insert, update.
    with django_assert_max_num_queries(7):
        client.post(f"{URL}/{conversation.pk}/messages", {"content": "Hi"})
    assert conversation.messages.count() == 1
