"""What an export of a person's data has of conversations: what the person wrote, not what others did."""

from django.db.models import Q

from chat.models import Conversation, Message, MessageEdit
from soukloop.core.personal_data import PersonalTable, owned_by

TABLES = [
    PersonalTable(
        "conversations",
        Conversation,
        lambda user_id: Q(buyer=user_id) | Q(seller=user_id),
        (
            *("id", "buyer", "buyer__username", "seller", "seller__username", "product", "product__title"),
            *("last_message_at", "created_at"),
        ),
    ),
    PersonalTable(
        "messages_sent",
        Message,
        owned_by("sender"),
        (
            *("id", "conversation", "message_type", "content", "data", "hidden_at", "hidden_reason"),
            *("edited_at", "deleted_at", "created_at"),
        ),
    ),
    PersonalTable(
        "earlier_texts_of_messages",
        MessageEdit,
        owned_by("message__sender"),
        ("message", "content", "replaced_at"),
    ),
]
