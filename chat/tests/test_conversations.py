"""Conversations: one per pair and product, read and archived by each side."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db.models import F
from django.utils import timezone

from accounts.models import User
from accounts.tests.factories import block, make_seller, make_user
from chat import services
from chat.access import conversation_of
from chat.models import Conversation
from chat.selectors import chat_partners, conversation_page, unread_counts
from chat.tests.factories import counts, make_conversation, make_message
from listings.tests.factories import make_product
from soukloop.core.errors import Forbidden, NotFound, RateLimited, ValidationFailed
from soukloop.core.http.pagination import Page
from soukloop.realtime.rooms import user_room
from soukloop.realtime.testing import Captured

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def listed(user: User, *, archived: bool = False) -> list[Conversation]:
    """Return the first page of somebody's conversations."""
    conversations, total, _ = conversation_page(user, Page(1, 20), archived=archived)
    assert total == len(conversations)
    return conversations


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

    def test_a_repeated_initial_message_is_posted_once_within_ten_seconds(self) -> None:
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

    def test_the_initial_message_is_sent_to_an_existing_conversation_too(self) -> None:
        conversation = make_conversation()
        services.open_conversation(
            actor=conversation.seller, other_user_id=conversation.buyer_id, initial_message="Still there?"
        )
        assert conversation.messages.get().content == "Still there?"
        assert counts(conversation) == (1, 0)

    def test_a_conversation_with_oneself_is_refused(self) -> None:
        me = make_user()
        with pytest.raises(ValidationFailed):
            services.open_conversation(actor=me, other_user_id=me.pk)
        assert not Conversation.objects.exists()

    def test_a_product_that_neither_of_the_two_sells_is_refused(self) -> None:
        product = make_product()
        with pytest.raises(ValidationFailed) as refusal:
            services.open_conversation(
                actor=make_user(), other_user_id=make_seller().pk, product_id=product.pk
            )
        assert "product_id" in refusal.value.details
        assert not Conversation.objects.exists()

    @pytest.mark.parametrize("status", ["hidden", "deleted"])
    def test_a_withdrawn_product_is_not_found_even_by_its_seller(self, status: str) -> None:
        buyer, product = make_user(), make_product(status=status)
        for actor, other in ((buyer, product.seller), (product.seller, buyer)):
            with pytest.raises(NotFound):
                services.open_conversation(actor=actor, other_user_id=other.pk, product_id=product.pk)
        assert not Conversation.objects.exists()

    def test_a_sold_product_keeps_its_conversations_and_gets_no_new_one(self) -> None:
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

    def test_a_closed_account_is_not_found(self) -> None:
        banned = make_seller(is_active=False, banned_at=timezone.now())
        with pytest.raises(NotFound):
            services.open_conversation(actor=make_user(), other_user_id=banned.pk)

    def test_blocked_people_are_refused_both_ways_with_the_same_error(self) -> None:
        buyer, seller = make_user(), make_seller()
        product = make_product(seller=seller)
        block(buyer, seller)
        refusals = []
        for actor, other in ((buyer, seller), (seller, buyer)):
            with pytest.raises(Forbidden) as refusal:
                services.open_conversation(actor=actor, other_user_id=other.pk, product_id=product.pk)
            refusals.append((refusal.value.code, refusal.value.message, refusal.value.details))
        assert (
            refusals == [("messaging_unavailable", "You cannot exchange messages with this person.", {})] * 2
        )
        assert not Conversation.objects.exists()


class TestReading:
    def test_reading_to_the_end_leaves_nothing_unread_and_notifies_both(
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
        assert [event for _, event, _ in captured_events].count("notification:read") == 1
        read = [each for each in captured_events if each[1] == "messages:read"]
        assert sorted(read, key=str) == sorted(
            (
                (user_room(conversation.buyer_id), "messages:read", data),
                (user_room(conversation.seller_id), "messages:read", data),
            ),
            key=str,
        )

    def test_reading_a_part_leaves_the_other_persons_later_messages_unread(self) -> None:
        conversation = make_conversation()
        for sender in (conversation.buyer, conversation.seller, conversation.buyer, conversation.buyer):
            make_message(conversation, sender)
        services.mark_read(actor=conversation.seller, conversation_id=conversation.pk, up_to_seq=1)
        assert counts(conversation) == (1, 2)

    def test_the_read_position_never_moves_back_or_past_the_end(
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

    def test_a_blocked_person_gets_no_read_receipts(
        self, captured_events: Captured, django_capture_on_commit_callbacks: Any
    ) -> None:
        conversation = make_conversation()
        make_message(conversation)
        block(conversation.seller, conversation.buyer)
        with django_capture_on_commit_callbacks(execute=True):
            services.mark_read(actor=conversation.seller, conversation_id=conversation.pk)
        assert {room for room, _, _ in captured_events} == {user_room(conversation.seller_id)}

    def test_other_peoples_conversations_are_not_found(self) -> None:
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
    def test_a_conversation_is_archived_for_one_person_until_the_next_message(self) -> None:
        conversation = make_conversation()
        buyer, seller = conversation.buyer, conversation.seller
        services.set_archived(actor=buyer, conversation_id=conversation.pk, archived=True)
        assert listed(buyer) == []
        assert listed(buyer, archived=True) == [conversation]
        assert listed(seller) == [conversation]
        make_message(conversation, seller)
        assert listed(buyer) == [conversation]
        assert listed(buyer, archived=True) == []

    def test_an_archived_conversation_can_be_unarchived(self) -> None:
        conversation = make_conversation()
        for archived in (True, False):
            services.set_archived(
                actor=conversation.seller, conversation_id=conversation.pk, archived=archived
            )
        assert listed(conversation.seller) == [conversation]


class TestSelecting:
    def test_blocked_people_are_neither_listed_nor_counted(self) -> None:
        conversation = make_conversation()
        make_message(conversation)
        make_message(make_conversation(seller=conversation.seller))
        assert unread_counts(conversation.seller) == {"unread_count": 2, "conversations": 2}
        block(conversation.buyer, conversation.seller)
        assert conversation not in listed(conversation.seller)
        assert conversation not in listed(conversation.buyer)
        assert unread_counts(conversation.seller) == {"unread_count": 1, "conversations": 1}

    def test_chat_partners_are_the_people_a_user_exchanged_messages_with(self) -> None:
        conversation = make_conversation()
        make_message(conversation)
        make_conversation(buyer=conversation.buyer)  # opened, nothing said
        assert chat_partners([conversation.buyer_id]) == [(conversation.buyer_id, conversation.seller_id)]
        assert chat_partners([conversation.seller_id]) == [(conversation.seller_id, conversation.buyer_id)]
        block(conversation.seller, conversation.buyer)
        assert chat_partners([conversation.seller_id]) == []


def test_an_account_writes_to_at_most_fifty_new_people_a_day() -> None:
    buyer = make_user()
    product = make_product()
    for _ in range(50):
        services.open_conversation(actor=buyer, other_user_id=make_seller().pk, initial_message="Hello")
    with pytest.raises(RateLimited, match="50 new people a day"):
        services.open_conversation(actor=buyer, other_user_id=product.seller_id, product_id=product.pk)
    assert Conversation.objects.of(buyer.pk).count() == 50
    known = Conversation.objects.earliest("created_at").seller
    another = make_product(seller=known)
    services.open_conversation(actor=buyer, other_user_id=known.pk, product_id=another.pk)
    services.open_conversation(actor=product.seller, other_user_id=buyer.pk, product_id=product.pk)
    Conversation.objects.update(created_at=F("created_at") - timedelta(days=1))
    assert services.open_conversation(actor=buyer, other_user_id=make_seller().pk)[1]


def test_an_account_without_a_confirmed_contact_writes_to_at_most_ten_new_people_a_day() -> None:
    seller = make_seller(is_verified=False)
    product = make_product(seller=seller)
    for _ in range(10):
        services.open_conversation(actor=seller, other_user_id=make_user().pk, product_id=product.pk)
    with pytest.raises(RateLimited, match="10 new people a day"):
        services.open_conversation(actor=seller, other_user_id=make_user().pk, product_id=product.pk)
