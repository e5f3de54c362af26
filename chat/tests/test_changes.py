"""Editing and deleting messages: who may, for how long, what both people and staff see afterwards."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.tests.factories import block, client_for, make_staff, make_user
from chat import services
from chat.models import Conversation, Message
from chat.serializers import MessageOutput
from chat.tests.factories import counts, field_names, make_conversation, make_message
from chat.tests.ledger import assert_counts_are_right
from chat.tests.test_races import at_once
from listings.tests.factories import make_product
from notifications.models import Notification
from notifications.texts import render
from soukloop.core.errors import Conflict, DomainError, Forbidden, NotFound
from soukloop.realtime.rooms import user_room
from soukloop.realtime.testing import Captured

pytestmark = pytest.mark.django_db
URL = "/api/v1/conversations"


def edit(actor: User, message: Message, content: str = "Corrected") -> Message:
    return services.edit_message(
        actor=actor, conversation_id=message.conversation_id, message_id=message.pk, content=content
    )


def delete(actor: User, message: Message) -> Message:
    return services.delete_message(
        actor=actor, conversation_id=message.conversation_id, message_id=message.pk
    )


def path_of(message: Message) -> str:
    return f"{URL}/{message.conversation_id}/messages/{message.pk}"


def make_old(message: Message, seconds: int = 15 * 60 + 1) -> None:
    Message.objects.filter(pk=message.pk).update(created_at=timezone.now() - timedelta(seconds=seconds))


def body_of_notification() -> str:
    row = Notification.objects.get()
    return render(row.kind, row.params, "en").body


@pytest.fixture
def conversation() -> Conversation:
    return make_conversation()


def test_an_edit_replaces_the_text_for_both_and_keeps_the_earlier_one(
    conversation: Conversation, captured_events: Captured, django_capture_on_commit_callbacks: Any
) -> None:
    message = make_message(conversation, content="Helo")
    captured_events.clear()
    with django_capture_on_commit_callbacks(execute=True):
        response = client_for(conversation.buyer).patch(path_of(message), {"content": "Hello"})
    data = response.json()["data"]
    message.refresh_from_db()
    assert response.status_code == 200
    assert set(data) == field_names(MessageOutput)
    assert (data["content"], data["seq"], data["deleted_at"]) == ("Hello", 1, None)
    assert data["edited_at"] is not None
    assert [edit.content for edit in message.edits.all()] == ["Helo"]
    assert counts(conversation) == (0, 1)
    told = [(room, event, payload["content"]) for room, event, payload in captured_events]
    assert sorted(told) == sorted(
        (user_room(person), "message:edited", "Hello")
        for person in (conversation.buyer_id, conversation.seller_id)
    )
    assert body_of_notification() == "Hello"


def test_two_edits_in_one_second_have_times_that_clients_can_tell_apart(conversation: Conversation) -> None:
    message, client = make_message(conversation), client_for(conversation.buyer)
    times = [
        client.patch(path_of(message), {"content": text}).json()["data"]["edited_at"] for text in ("A", "B")
    ]
    deleted = client.delete(path_of(message)).json()["data"]["deleted_at"]
    assert times[0] < times[1] < deleted


def test_more_than_one_edit_a_second_is_refused_before_their_times_run_ahead(
    conversation: Conversation,
) -> None:
    message, client = make_message(conversation), client_for(conversation.buyer)
    answers = [client.patch(path_of(message), {"content": str(number)}) for number in range(12)]
    refused = [answer for answer in answers if answer.status_code != 200]
    assert {answer.json()["error"]["code"] for answer in refused} == {"rate_limited"}
    message.refresh_from_db()
    assert message.edited_at is not None
    assert message.edited_at - timezone.now() < timedelta(seconds=4)
    accepted = [answer for answer in answers if answer.status_code == 200]
    assert message.content == accepted[-1].json()["data"]["content"]


def test_the_same_text_again_changes_nothing(
    conversation: Conversation, captured_events: Captured, django_capture_on_commit_callbacks: Any
) -> None:
    message = make_message(conversation)
    captured_events.clear()
    with django_capture_on_commit_callbacks(execute=True):
        edit(conversation.buyer, message, "Hello")
    message.refresh_from_db()
    assert (message.edited_at, message.edits.count(), captured_events) == (None, 0, [])


def test_an_edit_that_is_sent_again_with_its_key_does_not_undo_a_later_one(
    conversation: Conversation,
) -> None:
    message, client = make_message(conversation), client_for(conversation.buyer)
    key = {"Idempotency-Key": "edit-1"}
    first = client.patch(path_of(message), {"content": "One"}, headers=key)
    client.patch(path_of(message), {"content": "Two"})
    again = client.patch(path_of(message), {"content": "One"}, headers=key)
    message.refresh_from_db()
    assert first.content == again.content
    assert message.content == "Two"


def test_a_deleted_message_stays_without_its_content(
    conversation: Conversation, captured_events: Captured, django_capture_on_commit_callbacks: Any
) -> None:
    make_message(conversation, content="First")
    message = make_message(conversation, content="Oops", data={"width": 3})
    captured_events.clear()
    with django_capture_on_commit_callbacks(execute=True):
        response = client_for(conversation.buyer).delete(path_of(message))
    data = response.json()["data"]
    assert response.status_code == 200
    assert (data["content"], data["data"], data["seq"]) == (None, {}, 2)
    assert data["deleted_at"] is not None
    assert counts(conversation) == (0, 1)
    assert [(event, payload["seq"]) for _, event, payload in captured_events] == [("message:deleted", 2)] * 2
    client = client_for(conversation.seller)
    listed = client.get(f"{URL}/{conversation.pk}/messages").json()["data"]["items"]
    assert [item["content"] for item in listed] == ["First", None]
    latest = client.get(URL).json()["data"]["items"][0]["last_message"]
    assert (latest["id"], latest["content"]) == (str(message.pk), None)
    assert body_of_notification() == "Deleted a message"
    assert Notification.objects.get().data["unread_count"] == 1


def test_deleting_again_answers_the_same_and_changes_nothing(
    conversation: Conversation, captured_events: Captured, django_capture_on_commit_callbacks: Any
) -> None:
    message, client = make_message(conversation), client_for(conversation.buyer)
    first = client.delete(path_of(message))
    make_old(message)
    captured_events.clear()
    with django_capture_on_commit_callbacks(execute=True):
        again = client.delete(path_of(message))
    assert first.json()["data"]["deleted_at"] == again.json()["data"]["deleted_at"]
    assert captured_events == []
    assert counts(conversation) == (0, 0)


def test_deleting_the_only_unread_message_reads_its_notification(conversation: Conversation) -> None:
    delete(conversation.buyer, make_message(conversation))
    assert counts(conversation) == (0, 0)
    assert Notification.objects.get().read_at is not None


def test_deleting_a_message_that_was_read_leaves_the_unread_count(conversation: Conversation) -> None:
    message = make_message(conversation)
    services.mark_read(actor=conversation.seller, conversation_id=conversation.pk)
    make_message(conversation)
    delete(conversation.buyer, message)
    assert counts(conversation) == (0, 1)
    services.mark_read(actor=conversation.seller, conversation_id=conversation.pk, up_to_seq=1)
    assert_counts_are_right(conversation)


def test_reading_up_to_a_message_does_not_count_later_deleted_ones(conversation: Conversation) -> None:
    messages = [make_message(conversation) for _ in range(4)]
    delete(conversation.buyer, messages[2])
    services.mark_read(actor=conversation.seller, conversation_id=conversation.pk, up_to_seq=1)
    assert counts(conversation) == (0, 2)
    assert_counts_are_right(conversation)


def test_nobody_but_the_sender_changes_a_message(conversation: Conversation) -> None:
    message = make_message(conversation)
    elsewhere = make_message(make_conversation(buyer=conversation.buyer))
    for change in (edit, delete):
        with pytest.raises(Forbidden):
            change(conversation.seller, message)
        with pytest.raises(NotFound):
            change(make_user(), message)
    for method in ("patch", "delete"):
        client = client_for(conversation.buyer)
        for message_id in (elsewhere.pk, uuid4()):
            url = f"{URL}/{conversation.pk}/messages/{message_id}"
            response = getattr(client, method)(url, {"content": "x"})
            assert response.json()["error"]["code"] == "message_not_found"
    message.refresh_from_db()
    assert (message.content, message.edited_at, message.deleted_at) == ("Hello", None, None)


@pytest.mark.parametrize("change", [edit, delete])
def test_a_message_can_be_changed_for_fifteen_minutes(conversation: Conversation, change: Any) -> None:
    young, old = make_message(conversation), make_message(conversation)
    make_old(young, 14 * 60)
    make_old(old)
    change(conversation.buyer, young)
    with pytest.raises(Conflict) as refused:
        change(conversation.buyer, old)
    assert refused.value.code == "message_too_old"
    old.refresh_from_db()
    assert (old.content, old.deleted_at) == ("Hello", None)


@pytest.mark.parametrize("message_type", ["offer", "image"])
def test_only_texts_are_edited(conversation: Conversation, message_type: str) -> None:
    message = make_message(conversation, message_type=message_type, content="750")
    with pytest.raises(Conflict) as refused:
        edit(conversation.buyer, message)
    assert refused.value.code == "message_not_changeable"


def test_offers_and_hidden_messages_are_not_deleted(conversation: Conversation) -> None:
    hidden = make_message(conversation)
    services.hide_message(actor=make_staff(), message_id=hidden.pk, reason="Abuse")
    for message in (make_message(conversation, message_type="offer"), hidden):
        with pytest.raises(Conflict):
            delete(conversation.buyer, message)
        message.refresh_from_db()
        assert message.deleted_at is None
    with pytest.raises(IntegrityError), transaction.atomic():
        conversation.messages.filter(message_type="offer").update(deleted_at=timezone.now())


def test_a_deleted_message_is_not_edited(conversation: Conversation) -> None:
    message = make_message(conversation)
    delete(conversation.buyer, message)
    response = client_for(conversation.buyer).patch(path_of(message), {"content": "Back again"})
    assert (response.status_code, response.json()["error"]["code"]) == (409, "message_deleted")
    message.refresh_from_db()
    assert message.content == "Hello"


def test_after_a_block_the_sender_may_delete_but_not_edit(conversation: Conversation) -> None:
    message = make_message(conversation)
    block(conversation.seller, conversation.buyer)
    with pytest.raises(Forbidden):
        edit(conversation.buyer, message)
    delete(conversation.buyer, message)
    message.refresh_from_db()
    assert (message.content, message.edited_at, message.shown_content) == ("Hello", None, None)


@pytest.mark.parametrize("body", [{}, {"content": ""}, {"content": "a" * 4001}, {"content": None}])
def test_an_invalid_text_is_refused_and_changes_nothing(conversation: Conversation, body: Any) -> None:
    message = make_message(conversation)
    response = client_for(conversation.buyer).patch(path_of(message), body)
    assert response.status_code == 400
    assert set(response.json()["error"]["details"]) == {"content"}
    message.refresh_from_db()
    assert message.content == "Hello"


def test_the_first_message_of_a_conversation_may_be_sent_again_after_it_was_deleted() -> None:
    buyer, product = make_user(), make_product()
    fields: Any = {"other_user_id": product.seller_id, "product_id": product.pk, "initial_message": "Hi"}
    conversation, _ = services.open_conversation(actor=buyer, **fields)
    delete(buyer, conversation.messages.get())
    services.open_conversation(actor=buyer, **fields)
    assert conversation.messages.filter(deleted_at=None).count() == 1


class TestPictures:
    def send(self, conversation: Conversation, name: str) -> Message:
        return make_message(conversation, message_type="image", content="", data={"upload": name, "width": 4})

    def store(self, conversation: Conversation, folder: str = "chat") -> str:
        name = default_storage.save(f"{folder}/{conversation.buyer_id}/{uuid4().hex}.jpg", ContentFile(b"x"))
        return str(name)

    def test_the_file_of_a_deleted_picture_is_deleted_by_a_job(
        self, conversation: Conversation, run_jobs: Any
    ) -> None:
        name = self.store(conversation)
        message = self.send(conversation, name)
        deleted = delete(conversation.buyer, message)
        assert (deleted.shown_data, deleted.shown_picture) == ({}, "")
        assert default_storage.exists(name)
        assert "chat.delete_picture" in run_jobs()
        assert not default_storage.exists(name)

    def test_a_picture_that_is_used_elsewhere_is_kept(
        self, conversation: Conversation, run_jobs: Any
    ) -> None:
        twice, sold, of_product = (
            self.store(conversation),
            self.store(conversation),
            self.store(conversation, "products"),
        )
        make_product(seller=conversation.buyer, image_urls=[default_storage.url(sold)])
        self.send(make_conversation(buyer=conversation.buyer), twice)
        for name in (twice, sold, of_product):
            delete(conversation.buyer, self.send(conversation, name))
        run_jobs()
        assert all(default_storage.exists(name) for name in (twice, sold, of_product))
        for name in (twice, sold, of_product):
            default_storage.delete(name)


def test_staff_see_what_was_deleted_and_what_was_edited(conversation: Conversation) -> None:
    message = make_message(conversation, content="Pay me outside the app")
    edit(conversation.buyer, message, "Never mind")
    delete(conversation.buyer, message)
    make_message(conversation, content="Another matter")
    browser = Client()
    browser.force_login(make_staff())
    listed = browser.get("/admin/chat/message/?visibility=deleted").content.decode()
    assert "Never mind" in listed
    assert "Another matter" not in listed
    assert "Never mind" not in browser.get("/admin/chat/message/?visibility=shown").content.decode()
    page = browser.get(f"/admin/chat/message/{message.pk}/change/").content.decode()
    assert "Never mind" in page
    assert "Pay me outside the app" in page


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_edits_and_a_deletion_at_once_end_with_the_message_deleted_once(self) -> None:
        for _ in range(3):
            conversation = make_conversation()
            message = make_message(conversation)

            def attempt(change: Any, *arguments: Any) -> Any:
                def run() -> str:
                    try:
                        change(*arguments)
                    except DomainError as error:
                        return error.code
                    return "done"

                return run

            edits = [attempt(edit, conversation.buyer, message, f"Text {n}") for n in range(5)]
            deletions = [attempt(delete, conversation.buyer, message) for _ in range(3)]
            reads = [
                lambda conversation=conversation: services.mark_read(
                    actor=conversation.seller, conversation_id=conversation.pk
                )
                for _ in range(2)
            ]
            results = at_once(*edits, *deletions, *reads)
            message.refresh_from_db()
            assert results[5:8] == ["done"] * 3
            assert set(results[:5]) <= {"done", "message_deleted", "rate_limited"}
            assert message.edits.count() == results[:5].count("done")
            assert message.deleted_at is not None
            assert message.edited_at is None or message.edited_at < message.deleted_at
            assert_counts_are_right(conversation)

    def test_deletions_while_messages_arrive_and_are_read_leave_right_counts(self) -> None:
        conversation = make_conversation()
        messages = [make_message(conversation) for _ in range(8)]
        at_once(
            *[lambda message=message: delete(conversation.buyer, message) for message in messages[::2]],
            *[
                lambda: services.send_message(
                    actor=conversation.buyer, conversation_id=conversation.pk, content="Hi"
                )
                for _ in range(4)
            ],
            *[
                lambda seq=seq: services.mark_read(
                    actor=conversation.seller, conversation_id=conversation.pk, up_to_seq=seq
                )
                for seq in (2, 5, 9)
            ],
        )
        assert_counts_are_right(conversation)
