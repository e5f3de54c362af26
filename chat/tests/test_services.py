"""Conversations are one per pair and product; messages are numbered, counted, read, archived and hidden."""

import pytest

from accounts.tests.factories import make_seller, make_user
from chat import services
from chat.tests.factories import make_conversation, make_message

pytestmark = pytest.mark.django_db


def test_a_message_is_numbered_and_counted_for_the_other_side() -> None:
    conversation = make_conversation()
    message = make_message(conversation)
    conversation.refresh_from_db()
    assert message.seq == conversation.last_seq == 1
    assert (conversation.unread_count_buyer, conversation.unread_count_seller) == (0, 1)
    assert conversation.last_message == message


def test_open_twice_without_product_is_one() -> None:
    a, b = make_user(), make_seller()
    one, is_new = services.open_conversation(actor=a, other_user_id=b.pk, initial_message="Hi")
    two, is_new_too = services.open_conversation(actor=b, other_user_id=a.pk)
    assert (one, is_new, is_new_too) == (two, True, False)
