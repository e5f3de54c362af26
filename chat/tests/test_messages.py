"""Messages: numbering, counting, events, notifications, hiding."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.models import Mute
from accounts.tests.factories import block, make_seller, make_staff, make_user
from chat import keys, services, typing
from chat.models import Message
from chat.tests.factories import counts, go_online, look_at, make_conversation, make_message, session_of
from chat.typing import TypingIndicator
from notifications.models import Notification
from notifications.tests.factories import text_of
from soukloop.core.errors import Forbidden, NotFound, ValidationFailed
from soukloop.core.redis.client import redis_client
from soukloop.realtime import attention
from soukloop.realtime.rooms import user_room
from soukloop.realtime.testing import Captured

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class TestSending:
    def test_a_message_is_numbered_counted_and_becomes_the_last(self) -> None:
        conversation = make_conversation()
        first = services.send_message(
            actor=conversation.buyer, conversation_id=conversation.pk, content="Hi! Is it available?"
        )
        second = services.send_message(
            actor=conversation.seller, conversation_id=conversation.pk, content="Yes!"
        )
        assert (first.seq, second.seq) == (1, 2)
        assert counts(conversation) == (1, 1)
        assert (conversation.last_seq, conversation.last_message) == (2, second)
        assert conversation.last_message_at == second.created_at

    def test_both_people_get_a_message_event_once(
        self, captured_events: Captured, django_capture_on_commit_callbacks: Any
    ) -> None:
        conversation = make_conversation()
        with django_capture_on_commit_callbacks(execute=True):
            message = services.send_message(
                actor=conversation.buyer,
                conversation_id=conversation.pk,
                content="مرحبا",
                client_message_id="m-1",
            )
        payload = {
            "messageId": str(message.pk),
            "conversationId": str(conversation.pk),
            "seq": 1,
            "userId": str(conversation.buyer_id),
            "username": conversation.buyer.username,
            "content": "مرحبا",
            "messageType": "text",
            "data": {},
            "clientMessageId": "m-1",
        }
        received = [
            (room, {key: data[key] for key in payload})
            for room, event, data in captured_events
            if event == "message:new"
        ]
        assert received == [
            (user_room(conversation.buyer_id), payload),
            (user_room(conversation.seller_id), payload),
        ]
        assert all(
            data["timestamp"].endswith("Z") for _, event, data in captured_events if event == "message:new"
        )

    def test_the_same_client_message_id_is_one_message(
        self, captured_events: Captured, django_capture_on_commit_callbacks: Any
    ) -> None:
        conversation = make_conversation()
        with django_capture_on_commit_callbacks(execute=True):
            one, two = (
                services.send_message(
                    actor=conversation.buyer,
                    conversation_id=conversation.pk,
                    content="Hi",
                    client_message_id="a",
                )
                for _ in range(2)
            )
        assert one == two
        assert counts(conversation) == (0, 1)
        assert [event for _, event, _ in captured_events].count("message:new") == 2  # one for each side

    def test_each_side_has_client_message_ids_of_its_own(self) -> None:
        conversation = make_conversation()
        for sender in (conversation.buyer, conversation.seller):
            make_message(conversation, sender, client_message_id="1")
        assert conversation.messages.count() == 2

    def test_a_message_of_the_platform_is_unread_for_both_people(self) -> None:
        conversation = make_conversation()
        message = services.post_message(
            conversation=conversation, sender=None, message_type=Message.Type.SYSTEM, content="Sold."
        )
        assert (message.sender, counts(conversation)) == (None, (1, 1))

    def test_a_stranger_cannot_send_a_message(self) -> None:
        conversation = make_conversation()
        with pytest.raises(NotFound):
            services.send_message(actor=make_user(), conversation_id=conversation.pk, content="Hi")
        assert not Message.objects.exists()

    def test_blocked_people_cannot_send_each_other_messages(self) -> None:
        conversation = make_conversation()
        block(conversation.seller, conversation.buyer)
        for actor in (conversation.buyer, conversation.seller):
            with pytest.raises(Forbidden) as refusal:
                services.send_message(actor=actor, conversation_id=conversation.pk, content="Hi")
            assert refusal.value.code == "messaging_unavailable"
        assert not Message.objects.exists()
        assert not Notification.objects.exists()

    def test_a_message_to_a_closed_account_is_refused(self) -> None:
        conversation = make_conversation(seller=make_seller(is_active=False, banned_at=timezone.now()))
        with pytest.raises(Forbidden):
            services.send_message(actor=conversation.buyer, conversation_id=conversation.pk, content="Hi")

    def test_sending_a_message_ends_the_typing_indicator(
        self, captured_events: Captured, django_capture_on_commit_callbacks: Any
    ) -> None:
        conversation = make_conversation()
        buyer, seller_id = conversation.buyer, conversation.seller_id
        look_at(conversation, conversation.seller)
        typing.start(TypingIndicator(conversation.pk, buyer.pk, buyer.username, seller_id))
        key = keys.typing(conversation.pk, buyer.pk)
        assert redis_client().exists(key)
        with django_capture_on_commit_callbacks(execute=True):
            make_message(conversation)
        assert not redis_client().exists(key)
        assert [event for room, event, _ in captured_events if room == user_room(seller_id)] == [
            "typing:active",
            "message:new",
            "typing:inactive",
        ]


class TestNotifying:
    def test_an_offline_recipient_gets_one_notification_per_conversation_until_it_is_read(self) -> None:
        conversation = make_conversation()
        for content in ("One", "Two"):
            make_message(conversation, content=content)
        notification = Notification.objects.get()
        assert notification.user_id == conversation.seller_id
        assert notification.kind == "message_new"
        assert text_of(notification) == (conversation.buyer.full_name, "Two")
        assert notification.data == {
            "conversation_id": str(conversation.pk),
            "message_id": str(conversation.messages.get(seq=2).pk),
            "seq": 2,
            "unread_count": 2,
        }
        services.mark_read(actor=conversation.seller, conversation_id=conversation.pk)
        notification.refresh_from_db()
        assert notification.read_at is not None
        make_message(conversation, content="Three")
        assert text_of(Notification.objects.filter(read_at=None).get()).body == "Three"

    def test_a_recipient_who_is_merely_connected_gets_a_notification(self) -> None:
        conversation = make_conversation()
        go_online(conversation.seller)
        make_message(conversation)
        assert Notification.objects.get().user_id == conversation.seller_id

    @pytest.mark.parametrize("is_open", [True, False])
    def test_a_recipient_who_is_looking_gets_a_silent_notification_that_reading_marks_as_read(
        self, is_open: bool, captured_events: Captured, django_capture_on_commit_callbacks: Any
    ) -> None:
        conversation = make_conversation()
        if is_open:
            look_at(conversation, conversation.seller)
        else:
            attention.set_foreground(session_of(conversation.seller), is_foreground=True)
        with django_capture_on_commit_callbacks(execute=True):
            make_message(conversation)
        # Whoever puts the phone away now instead of reading must find it.
        assert "notification:new" not in [event for _, event, _ in captured_events]
        assert Notification.objects.unread().get().user_id == conversation.seller_id
        services.mark_read(actor=conversation.seller, conversation_id=conversation.pk)
        assert not Notification.objects.unread().exists()

    def test_a_picture_is_told_of_in_the_reader_s_language(self) -> None:
        conversation = make_conversation()
        make_message(conversation, message_type=Message.Type.IMAGE, content="", data={"upload": "a.jpg"})
        notification = Notification.objects.get()
        assert text_of(notification) == (conversation.buyer.full_name, "Sent a picture")
        assert text_of(notification, "ar").body == "أرسل صورة"

    def test_a_message_that_was_rolled_back_makes_no_notification(self) -> None:
        conversation = make_conversation()
        with transaction.atomic():
            make_message(conversation)
            transaction.set_rollback(True)
        assert not Notification.objects.exists()

    def test_a_muted_sender_s_message_is_unread_and_makes_no_notification(self) -> None:
        conversation = make_conversation()
        Mute.objects.create(muter=conversation.seller, muted=conversation.buyer)
        make_message(conversation)
        assert counts(conversation) == (0, 1)
        assert not Notification.objects.exists()

    def test_offers_and_messages_of_the_platform_make_no_notification(self) -> None:
        conversation = make_conversation()
        make_message(conversation, message_type=Message.Type.OFFER, content="750")
        services.post_message(conversation=conversation, sender=None, message_type="system", content="Sold.")
        assert not Notification.objects.exists()


class TestHiding:
    def test_staff_hide_the_content_of_a_message_with_a_reason(
        self, captured_events: Captured, django_capture_on_commit_callbacks: Any
    ) -> None:
        conversation, staff = make_conversation(), make_staff()
        message = make_message(conversation, content="rude", data={"width": 3})
        captured_events.clear()
        with django_capture_on_commit_callbacks(execute=True):
            services.hide_message(actor=staff, message_id=message.pk, reason="Abuse")
        message.refresh_from_db()
        assert (message.shown_content, message.shown_data, message.content) == ("", {}, "rude")
        assert (message.hidden_by, message.hidden_reason) == (staff, "Abuse")
        assert [event for _, event, _ in captured_events] == ["message:hidden"] * 2

    def test_hiding_a_message_empties_its_notification(self) -> None:
        conversation = make_conversation()
        message = make_message(conversation, content="rude")
        other = make_message(make_conversation(seller=conversation.seller), content="kind")
        services.hide_message(actor=make_staff(), message_id=message.pk, reason="Abuse")
        bodies = {row.data["message_id"]: text_of(row).body for row in Notification.objects.all()}
        assert bodies == {str(message.pk): "", str(other.pk): "kind"}

    def test_only_staff_hide_messages_and_only_with_a_reason(self) -> None:
        message = make_message(make_conversation())
        with pytest.raises(Forbidden):
            services.hide_message(actor=make_user(), message_id=message.pk, reason="Abuse")
        with pytest.raises(ValidationFailed):
            services.hide_message(actor=make_staff(), message_id=message.pk, reason=" ")
        message.refresh_from_db()
        assert message.hidden_at is None
