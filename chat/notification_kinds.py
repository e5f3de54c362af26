"""Kinds of notification about conversations."""

from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from notifications.kinds import Kind, declare_kind

MESSAGE_NEW = declare_kind(
    Kind(
        name="message_new",
        label=_("New messages"),
        when="A message, while you have neither the conversation open nor the app in the foreground",
        title="%(actor)s",
        body="%(text)s",
        labels={"picture": _("Sent a picture"), "deleted": _("Deleted a message")},
        link="conversations/{conversation_id}",
        collapse_key="conversation:{conversation_id}",
        replaces_unread=True,
        is_urgent=True,
        push_delay=timedelta(seconds=5),  # so that somebody who reads it at once hears nothing
        expires_after=timedelta(days=7),
        example_params={"actor": "Layla", "text": "Is this still available?"},
        example_data={
            "conversation_id": "0b4f4e9e-2a86-4c0f-9a8e-d0a3a4f1c7aa",
            "message_id": "5d0f0d5e-5c0a-4d5f-8f6e-0a4a0f8f9b11",
            "seq": 12,
            "unread_count": 1,
        },
    )
)
