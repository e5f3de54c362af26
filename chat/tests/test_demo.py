"""Demo conversations are created once."""

import pytest

from accounts.tests.factories import make_seller, make_staff, make_user
from chat.demo import seed_conversations
from chat.models import Conversation, Message
from chat.tests.ledger import assert_counts_are_right
from listings.tests.factories import make_product

pytestmark = pytest.mark.django_db


def test_seeding_twice_changes_nothing() -> None:
    users = [make_user(), make_user(), make_seller(), make_staff()]
    products = [make_product() for _ in range(3)]
    first = seed_conversations(users, products)
    messages = Message.objects.count()
    assert seed_conversations(users, products) == first
    assert len(first) == Conversation.objects.count() == 4
    assert Message.objects.count() == messages > 0
    for conversation in first:
        assert_counts_are_right(conversation)
        assert conversation.unread_count_buyer + conversation.unread_count_seller == 1


def test_seeding_without_products_creates_no_conversation() -> None:
    assert seed_conversations([make_user()], []) == []
