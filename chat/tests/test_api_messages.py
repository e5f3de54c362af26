"""Messages over REST: the contract's 3.2, pictures, pages, refusals."""

import io
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from accounts.tests.factories import client_for, make_user
from chat import services
from chat.models import Conversation, Message
from chat.serializers import (
    MessageOutput,
)
from chat.services.pictures import add_sizes_to_messages
from chat.tests.factories import field_names, look_at, make_conversation, make_message
from notifications.models import Notification
from soukloop.core.images import picture

pytestmark = pytest.mark.django_db
URL = "/api/v1/conversations"


def png(size: tuple[int, int] = (40, 30)) -> SimpleUploadedFile:
    encoded = io.BytesIO()
    Image.new("RGB", size, "teal").save(encoded, "PNG")
    return SimpleUploadedFile("photo.png", encoded.getvalue(), "image/png")


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
    assert set(data) == field_names(MessageOutput)
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
def test_an_invalid_message_names_the_field_and_changes_nothing(body: dict[str, Any], field: str) -> None:
    conversation = make_conversation()
    response = client_for(conversation.buyer).post(f"{URL}/{conversation.pk}/messages", body)
    assert response.status_code == 400
    assert set(response.json()["error"]["details"]) == {field}
    assert not Message.objects.exists()
    conversation.refresh_from_db()
    assert (conversation.last_seq, conversation.unread_count_seller) == (0, 0)


def test_a_message_of_4000_characters_is_stored_unchanged() -> None:
    conversation = make_conversation()
    content = "  " + "م" * 3996 + "🔥\n"
    response = client_for(conversation.buyer).post(f"{URL}/{conversation.pk}/messages", {"content": content})
    assert response.status_code == 201
    assert response.json()["data"]["content"] == content == Message.objects.get().content


@pytest.mark.parametrize("content", ["👨\u200d👩\u200d👧", "❤️", "\u200fمرحبا\u200f", "سطر\nline", "."])
def test_invisible_characters_beside_visible_ones_are_kept(content: str) -> None:
    conversation = make_conversation()
    response = client_for(conversation.buyer).post(f"{URL}/{conversation.pk}/messages", {"content": content})
    assert response.json()["data"]["content"] == content == Message.objects.get().content


@pytest.mark.parametrize(
    "address",
    [
        "https://example.com/shoe.jpg",
        "https://tracker.example/?reader={buyer}",
        "http://localhost:8080.example.com/uploads/chat/{buyer}/a.jpg",
        "http://localhost:8080@example.com/uploads/chat/{buyer}/a.jpg",
        "http://localhost:8080/live/{buyer}/a.jpg",
    ],
)
def test_a_picture_at_an_address_of_another_server_is_refused(address: str) -> None:
    conversation = make_conversation()
    response = client_for(conversation.buyer).post(
        f"{URL}/{conversation.pk}/messages",
        {"message_type": "image", "content": address.format(buyer=conversation.buyer_id)},
    )
    assert (response.status_code, response.json()["error"]["code"]) == (400, "validation_error")
    assert list(response.json()["error"]["details"]) == ["content"]
    assert not Message.objects.exists()


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
        image = data["image"]
        assert (image["url"], image["width"], image["height"]) == (data["content"], 40, 30)
        assert [size["width"] for size in image["sizes"]] == [40]
        assert len(list(self.folder.rglob("*.*"))) == 2

    def test_a_picture_that_the_sender_uploaded_is_sent_by_its_url(self) -> None:
        conversation = make_conversation()
        url = self.send(conversation, image=png()).json()["data"]["content"]
        body = {"message_type": "image", "content": url}
        response = client_for(conversation.buyer).post(f"{URL}/{conversation.pk}/messages", body)
        assert response.status_code == 201
        assert response.json()["data"]["content"] == url
        assert Message.objects.latest("seq").data["upload"].startswith(f"chat/{conversation.buyer_id}/")

    def test_a_picture_of_the_senders_product_is_sent_by_its_url(self) -> None:
        conversation = make_conversation()
        client = client_for(conversation.seller)
        uploaded = client.post("/api/v1/uploads/images", {"image": png()}, format="multipart")
        url = uploaded.json()["data"]["url"]
        body = {"message_type": "image", "content": url}
        response = client.post(f"{URL}/{conversation.pk}/messages", body)
        assert response.json()["data"]["content"] == url

    def test_a_picture_that_somebody_else_uploaded_or_nobody_did_is_refused(self) -> None:
        conversation = make_conversation()
        url = self.send(conversation, image=png()).json()["data"]["content"]
        own = url.replace(str(conversation.buyer_id), str(conversation.seller_id))
        client = client_for(conversation.seller)
        for address in (url, own, f"{url}?reader=1", url.replace("/chat/", "/chat/../chat/")):
            body = {"message_type": "image", "content": address}
            response = client.post(f"{URL}/{conversation.pk}/messages", body)
            assert response.status_code == 400, address
        assert Message.objects.count() == 1

    def test_the_same_client_message_id_is_one_message_and_one_file(self) -> None:
        conversation = make_conversation()
        one, two = (self.send(conversation, image=png(), client_message_id="p-1") for _ in range(2))
        assert one.json()["data"] == two.json()["data"]
        assert len(list(self.folder.rglob("*.*"))) == 2

    def test_pictures_of_earlier_messages_get_sizes_once(self) -> None:
        conversation = make_conversation()
        stored = png()
        name = f"chat/{conversation.buyer_id}/old.png"
        default_storage.save(name, stored)
        message = make_message(conversation, message_type="image", data={"upload": name, "width": 40})
        assert add_sizes_to_messages() == 1
        message.refresh_from_db()
        shown = picture(message.shown_picture)
        assert shown is not None
        assert [size["width"] for size in shown["sizes"]] == [40]
        assert message.data["width"] == 40
        assert add_sizes_to_messages() == 0

    def test_an_upload_that_is_not_a_picture_is_refused_and_not_stored(self) -> None:
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

    def test_messages_are_listed_in_order_from_either_end(self) -> None:
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

    def test_messages_changed_after_a_time_are_listed_alone(self) -> None:
        conversation = make_conversation()
        messages = [make_message(conversation) for _ in range(4)]
        for message in messages[:2]:
            services.edit_message(
                actor=conversation.buyer,
                conversation_id=conversation.pk,
                message_id=message.pk,
                content="New",
            )
        services.delete_message(
            actor=conversation.buyer, conversation_id=conversation.pk, message_id=messages[3].pk
        )
        messages[0].refresh_from_db()
        client = client_for(conversation.seller)
        assert messages[0].edited_at is not None
        since = messages[0].edited_at.isoformat().replace("+00:00", "Z")
        assert self.seqs(client, conversation, f"?changed_after={since}") == ([2, 4], False, 4)
        assert self.seqs(client, conversation, "?changed_after=2020-01-01T00:00:00Z") == ([1, 2, 4], False, 4)

    @pytest.mark.parametrize(
        "query",
        [
            "limit=0",
            "limit=101",
            "limit=x",
            "before_seq=-1",
            "after_seq=-1",
            "after_seq=1e9",
            "before_seq=²",
            "changed_after=now",
        ],
    )
    def test_an_invalid_query_names_the_field(self, query: str) -> None:
        conversation = make_conversation()
        response = client_for(conversation.buyer).get(f"{URL}/{conversation.pk}/messages?{query}")
        assert response.status_code == 400
        assert set(response.json()["error"]["details"]) == {query.partition("=")[0]}

    def test_listing_messages_marks_none_as_read_and_takes_three_queries(
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

    def test_a_hidden_message_is_listed_without_its_content(self) -> None:
        conversation = make_conversation()
        message = make_message(conversation, content="rude")
        services.hide_message(actor=make_user(is_staff=True), message_id=message.pk, reason="Abuse")
        data = client_for(conversation.seller).get(f"{URL}/{conversation.pk}/messages").json()["data"]
        assert [(item["content"], item["is_hidden"]) for item in data["items"]] == [("", True)]


@pytest.mark.parametrize("is_seen", [True, False])
def test_sending_a_message_takes_a_bounded_number_of_queries(
    django_assert_max_num_queries: Any, is_seen: bool
) -> None:
    conversation = make_conversation()
    if is_seen:
        look_at(conversation, conversation.seller)
    client = client_for(conversation.buyer)
    # The caller, a savepoint, the locked conversation, whether the other is reachable, insert, update; then
    # the recipient's settings, an unread notification to replace or a new one, pushes to the devices.
    for _ in range(2):
        with django_assert_max_num_queries(12):
            client.post(f"{URL}/{conversation.pk}/messages", {"content": "Hi"})
    assert conversation.messages.count() == 2
    assert Notification.objects.count() == 1
