"""Conversations are one per pair and product; messages are numbered, counted, read, archived and hidden."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from accounts.tests.factories import block, make_seller, make_staff, make_user
from chat import keys, services, typing
from chat.access import conversation_of
from chat.models import Conversation, Message
from chat.selectors import acquaintances, conversations_of, unread_counts
from chat.tests.factories import make_conversation, make_message
from chat.typing import Typist
from listings.tests.factories import make_product
from notifications.models import Notification
from soukloop.core.errors import Forbidden, NotFound, ValidationFailed
from soukloop.core.redis.client import redis_client
from soukloop.realtime.keys import ONLINE_USERS
from soukloop.realtime.rooms import user_room
from soukloop.realtime.testing import Captured

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def counts(conversation: Conversation) -> tuple[int, int]:
    conversation.refresh_from_db()
    return conversation.unread_count_buyer, conversation.unread_count_seller


def go_online(*people: Any) -> None:
    redis_client().sadd(ONLINE_USERS, *(str(person.pk) for person in people))


class TestOpening:
    def test_the_products_seller_is_the_seller_whoever_opens(self) -> None:
        buyer, product = make_user(), make_product()
        first, is_new = services.open_conversation(
            actor=product.seller, other_user_id=buyer.pk, product_id=product.pk
        )
        again, is_new_again = services.open_conversation(
            actor=buyer, other_user_id=product.seller_id, product_id=product.pk
        )
        assert (first.buyer_id, first.seller_id) == (buyer.pk, product.seller_id)
        assert (is_new, is_new_again, again) == (True, False, first)

    def test_each_product_has_a_conversation_of_its_own(self) -> None:
        buyer, seller = make_user(), make_seller()
        opened = {
            services.open_conversation(actor=buyer, other_user_id=seller.pk, product_id=product_id)[0].pk
            for product_id in (make_product(seller=seller).pk, make_product(seller=seller).pk, None)
        }
        assert len(opened) == 3

    def test_without_a_product_the_first_to_open_is_the_buyer_and_there_is_one(self) -> None:
        a, b = make_user(), make_seller()
        one, _ = services.open_conversation(actor=a, other_user_id=b.pk)
        two, is_new = services.open_conversation(actor=b, other_user_id=a.pk)
        assert (two, is_new, one.buyer_id) == (one, False, a.pk)

    def test_a_first_message_sent_again_at_once_is_one_and_later_it_is_said_again(self) -> None:
        buyer, product = make_user(), make_product()

        def opened(actor: Any = buyer, content: str = "Hi") -> Conversation:
            other_id = product.seller_id if actor == buyer else buyer.pk
            return services.open_conversation(
                actor=actor, other_user_id=other_id, product_id=product.pk, initial_message=content
            )[0]

        with time_machine.travel(NOON, tick=False):
            first = opened()
            assert (first.last_seq, first.unread_count_seller) == (1, 1)
        with time_machine.travel(NOON + timedelta(seconds=9), tick=False):
            retried = opened()
            assert (retried, retried.last_seq, retried.last_message) == (first, 1, first.last_message)
            opened(content="Hello?")
            opened(actor=product.seller)
        assert [message.content for message in first.messages.order_by("seq")] == ["Hi", "Hello?", "Hi"]
        assert counts(first) == (1, 2)
        with time_machine.travel(NOON + timedelta(seconds=10), tick=False):
            assert opened().last_seq == 4
        assert first.messages.filter(sender=buyer, content="Hi").count() == 2

    def test_the_initial_message_is_sent_also_when_the_conversation_was_there(self) -> None:
        conversation = make_conversation()
        services.open_conversation(
            actor=conversation.seller, other_user_id=conversation.buyer_id, initial_message="Still there?"
        )
        assert conversation.messages.get().content == "Still there?"
        assert counts(conversation) == (1, 0)

    def test_nobody_writes_to_themselves(self) -> None:
        me = make_user()
        with pytest.raises(ValidationFailed):
            services.open_conversation(actor=me, other_user_id=me.pk)
        assert not Conversation.objects.exists()

    def test_a_product_of_neither_is_refused(self) -> None:
        product = make_product()
        with pytest.raises(ValidationFailed) as refusal:
            services.open_conversation(
                actor=make_user(), other_user_id=make_seller().pk, product_id=product.pk
            )
        assert "product_id" in refusal.value.details
        assert not Conversation.objects.exists()

    @pytest.mark.parametrize("status", ["hidden", "deleted"])
    def test_a_withdrawn_product_is_not_there_not_even_for_its_seller(self, status: str) -> None:
        buyer, product = make_user(), make_product(status=status)
        for actor, other in ((buyer, product.seller), (product.seller, buyer)):
            with pytest.raises(NotFound):
                services.open_conversation(actor=actor, other_user_id=other.pk, product_id=product.pk)
        assert not Conversation.objects.exists()

    def test_a_conversation_about_a_sold_product_is_still_found_but_no_new_one_is_opened(self) -> None:
        product = make_product(status="sold", sold_at=timezone.now())
        conversation = make_conversation(product=product)
        found = services.open_conversation(
            actor=conversation.buyer, other_user_id=product.seller_id, product_id=product.pk
        )
        assert found == (conversation, False)
        with pytest.raises(NotFound):
            services.open_conversation(
                actor=make_user(), other_user_id=product.seller_id, product_id=product.pk
            )

    def test_a_closed_account_is_not_there(self) -> None:
        gone = make_seller(is_active=False, banned_at=timezone.now())
        with pytest.raises(NotFound):
            services.open_conversation(actor=make_user(), other_user_id=gone.pk)

    def test_blocked_people_are_refused_both_ways_in_the_same_words(self) -> None:
        buyer, seller = make_user(), make_seller()
        product = make_product(seller=seller)
        block(buyer, seller)
        refusals = []
        for actor, other in ((buyer, seller), (seller, buyer)):
            with pytest.raises(Forbidden) as refusal:
                services.open_conversation(actor=actor, other_user_id=other.pk, product_id=product.pk)
            refusals.append((refusal.value.code, refusal.value.message, refusal.value.details))
        assert (
            refusals == [("messaging_unavailable", "You can't exchange messages with this person.", {})] * 2
        )
        assert not Conversation.objects.exists()


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

    def test_both_hear_of_a_message_once(
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
        heard = [
            (room, {key: data[key] for key in payload})
            for room, event, data in captured_events
            if event == "message:new"
        ]
        assert heard == [
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

    def test_the_platform_speaks_to_both(self) -> None:
        conversation = make_conversation()
        message = services.post_message(
            conversation=conversation, sender=None, message_type=Message.Type.SYSTEM, content="Sold."
        )
        assert (message.sender, counts(conversation)) == (None, (1, 1))

    def test_others_cannot_write_and_nothing_changes(self) -> None:
        conversation = make_conversation()
        with pytest.raises(NotFound):
            services.send_message(actor=make_user(), conversation_id=conversation.pk, content="Hi")
        assert not Message.objects.exists()

    def test_blocked_people_cannot_write_to_each_other_any_more(self) -> None:
        conversation = make_conversation()
        block(conversation.seller, conversation.buyer)
        for actor in (conversation.buyer, conversation.seller):
            with pytest.raises(Forbidden) as refusal:
                services.send_message(actor=actor, conversation_id=conversation.pk, content="Hi")
            assert refusal.value.code == "messaging_unavailable"
        assert not Message.objects.exists()
        assert not Notification.objects.exists()

    def test_nobody_writes_to_a_closed_account(self) -> None:
        conversation = make_conversation(seller=make_seller(is_active=False, banned_at=timezone.now()))
        with pytest.raises(Forbidden):
            services.send_message(actor=conversation.buyer, conversation_id=conversation.pk, content="Hi")

    def test_writing_ends_typing(
        self, captured_events: Captured, django_capture_on_commit_callbacks: Any
    ) -> None:
        conversation = make_conversation()
        buyer, seller_id = conversation.buyer, conversation.seller_id
        go_online(conversation.seller)
        typing.start(Typist(conversation.pk, buyer.pk, buyer.username, seller_id))
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
    def test_who_is_away_gets_one_notification_per_conversation_until_it_is_read(self) -> None:
        conversation = make_conversation()
        for content in ("One", "Two"):
            make_message(conversation, content=content)
        notification = Notification.objects.get()
        assert notification.user_id == conversation.seller_id
        assert (notification.kind, notification.title) == ("message_new", conversation.buyer.full_name)
        assert notification.body == "Two"
        assert notification.data == {
            "conversation_id": str(conversation.pk),
            "message_id": str(conversation.messages.get(seq=2).pk),
            "unread_count": 2,
        }
        services.mark_read(actor=conversation.seller, conversation_id=conversation.pk)
        notification.refresh_from_db()
        assert notification.read_at is not None
        make_message(conversation, content="Three")
        assert Notification.objects.filter(read_at=None).get().body == "Three"

    def test_who_is_connected_gets_none(self) -> None:
        conversation = make_conversation()
        go_online(conversation.seller)
        make_message(conversation)
        assert not Notification.objects.exists()

    def test_offers_and_the_platform_announce_themselves(self) -> None:
        conversation = make_conversation()
        make_message(conversation, message_type=Message.Type.OFFER, content="750")
        services.post_message(conversation=conversation, sender=None, message_type="system", content="Sold.")
        assert not Notification.objects.exists()


class TestReading:
    def test_reading_to_the_end_leaves_nothing_unread_and_tells_both(
        self, captured_events: Captured, django_capture_on_commit_callbacks: Any
    ) -> None:
        conversation = make_conversation()
        for _ in range(3):
            make_message(conversation)
        with django_capture_on_commit_callbacks(execute=True):
            services.mark_read(actor=conversation.seller, conversation_id=conversation.pk)
        assert counts(conversation) == (0, 0)
        assert conversation.seller_read_seq == 3
        data = {
            "conversationId": str(conversation.pk),
            "userId": str(conversation.seller_id),
            "upToSeq": 3,
        }
        assert sorted(captured_events, key=str) == sorted(
            (
                (user_room(conversation.buyer_id), "messages:read", data),
                (user_room(conversation.seller_id), "messages:read", data),
            ),
            key=str,
        )

    def test_reading_part_counts_the_rest_of_the_others_messages(self) -> None:
        conversation = make_conversation()
        for sender in (conversation.buyer, conversation.seller, conversation.buyer, conversation.buyer):
            make_message(conversation, sender)
        services.mark_read(actor=conversation.seller, conversation_id=conversation.pk, up_to_seq=1)
        assert counts(conversation) == (1, 2)

    def test_what_was_read_stays_read_and_the_end_is_the_end(
        self, captured_events: Captured, django_capture_on_commit_callbacks: Any
    ) -> None:
        conversation = make_conversation()
        make_message(conversation)
        make_message(conversation)
        with django_capture_on_commit_callbacks(execute=True):
            for up_to_seq in (2_000, 1, 0, None):
                services.mark_read(
                    actor=conversation.seller, conversation_id=conversation.pk, up_to_seq=up_to_seq
                )
        conversation.refresh_from_db()
        assert (conversation.seller_read_seq, conversation.unread_count_seller) == (2, 0)
        assert len([event for _, event, _ in captured_events if event == "messages:read"]) == 2

    def test_a_blocked_person_does_not_see_what_is_read(
        self, captured_events: Captured, django_capture_on_commit_callbacks: Any
    ) -> None:
        conversation = make_conversation()
        make_message(conversation)
        block(conversation.seller, conversation.buyer)
        with django_capture_on_commit_callbacks(execute=True):
            services.mark_read(actor=conversation.seller, conversation_id=conversation.pk)
        assert [room for room, _, _ in captured_events] == [user_room(conversation.seller_id)]

    def test_other_peoples_conversations_are_not_there(self) -> None:
        conversation = make_conversation()
        make_message(conversation)
        stranger = make_user()
        for attempt in (
            lambda: services.mark_read(actor=stranger, conversation_id=conversation.pk),
            lambda: services.set_archived(actor=stranger, conversation_id=conversation.pk, archived=True),
            lambda: conversation_of(stranger, conversation.pk),
        ):
            with pytest.raises(NotFound):
                attempt()
        assert counts(conversation) == (0, 1)


class TestArchive:
    def test_each_side_has_an_archive_of_its_own_and_a_message_brings_it_back(self) -> None:
        conversation = make_conversation()
        buyer, seller = conversation.buyer, conversation.seller
        services.set_archived(actor=buyer, conversation_id=conversation.pk, archived=True)
        assert list(conversations_of(buyer)) == []
        assert list(conversations_of(buyer, archived=True)) == [conversation]
        assert list(conversations_of(seller)) == [conversation]
        make_message(conversation, seller)
        assert list(conversations_of(buyer)) == [conversation]
        assert list(conversations_of(buyer, archived=True)) == []

    def test_bringing_back(self) -> None:
        conversation = make_conversation()
        for archived in (True, False):
            services.set_archived(
                actor=conversation.seller, conversation_id=conversation.pk, archived=archived
            )
        assert list(conversations_of(conversation.seller)) == [conversation]


class TestHiding:
    def test_staff_take_the_content_away_with_a_reason(
        self, captured_events: Captured, django_capture_on_commit_callbacks: Any
    ) -> None:
        conversation, staff = make_conversation(), make_staff()
        message = make_message(conversation, content="rude", data={"note": 1})
        captured_events.clear()
        with django_capture_on_commit_callbacks(execute=True):
            services.hide_message(actor=staff, message_id=message.pk, reason="Abuse")
        message.refresh_from_db()
        assert (message.shown_content, message.shown_data, message.content) == ("", {}, "rude")
        assert (message.hidden_by, message.hidden_reason) == (staff, "Abuse")
        assert [event for _, event, _ in captured_events] == ["message:hidden"] * 2

    def test_the_content_leaves_the_inbox_too(self) -> None:
        conversation = make_conversation()
        message = make_message(conversation, content="rude")
        other = make_message(make_conversation(seller=conversation.seller), content="kind")
        services.hide_message(actor=make_staff(), message_id=message.pk, reason="Abuse")
        bodies = {row.data["message_id"]: row.body for row in Notification.objects.all()}
        assert bodies == {str(message.pk): "", str(other.pk): "kind"}

    def test_only_staff_may_and_only_with_a_reason(self) -> None:
        message = make_message(make_conversation())
        with pytest.raises(Forbidden):
            services.hide_message(actor=make_user(), message_id=message.pk, reason="Abuse")
        with pytest.raises(ValidationFailed):
            services.hide_message(actor=make_staff(), message_id=message.pk, reason=" ")
        message.refresh_from_db()
        assert message.hidden_at is None


class TestSelecting:
    def test_hidden_people_are_not_in_the_list_nor_in_the_counts(self) -> None:
        conversation = make_conversation()
        make_message(conversation)
        make_message(make_conversation(seller=conversation.seller))
        assert unread_counts(conversation.seller) == {"unread_count": 2, "conversations": 2}
        block(conversation.buyer, conversation.seller)
        assert conversation not in conversations_of(conversation.seller)
        assert conversation not in conversations_of(conversation.buyer)
        assert unread_counts(conversation.seller) == {"unread_count": 1, "conversations": 1}

    def test_presence_is_told_to_those_one_wrote_with(self) -> None:
        conversation = make_conversation()
        make_message(conversation)
        make_conversation(buyer=conversation.buyer)  # opened, nothing said
        assert acquaintances([conversation.buyer_id]) == [(conversation.buyer_id, conversation.seller_id)]
        assert acquaintances([conversation.seller_id]) == [(conversation.seller_id, conversation.buyer_id)]
        block(conversation.seller, conversation.buyer)
        assert acquaintances([conversation.seller_id]) == []
