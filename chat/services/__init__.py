"""Every write to conversations."""

from chat.services.changes import delete_message, edit_message
from chat.services.conversations import mark_read, open_conversation, set_archived
from chat.services.messages import hide_message, inbox_key, post_message, send_image, send_message

__all__ = [
    "delete_message",
    "edit_message",
    "hide_message",
    "inbox_key",
    "mark_read",
    "open_conversation",
    "post_message",
    "send_image",
    "send_message",
    "set_archived",
]
