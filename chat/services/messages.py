"""Sending and hiding messages."""

import json
import uuid
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from chat import events, typing
from chat.access import writable_recipient
from chat.error_codes import ChatErrorCode
from chat.models import Conversation, Message
from chat.notification_kinds import MESSAGE_NEW
from chat.rooms import conversation_room
from chat.typing import TypingIndicator
from notifications.services.inbox import replace_text
from notifications.services.notify import notify
from soukloop.core.db.clock import database_now
from soukloop.core.errors import Forbidden, NotFound, ValidationFailed
from soukloop.core.images import delete_image, is_picture, store_image
from soukloop.core.staff.history import log_staff_action
from soukloop.core.uploads import own_upload
from soukloop.realtime.attention import attentive_among

# Other types (offers, system messages) are added by the server, and their own app notifies people.
WRITTEN_BY_PEOPLE = (Message.Type.TEXT, Message.Type.IMAGE)


def send_message(
    *,
    actor: User,
    conversation_id: UUID,
    message_type: str = Message.Type.TEXT,
    content: str = "",
    data: dict[str, Any] | None = None,
    client_message_id: str | None = None,
) -> Message:
    """Send a message in the actor's conversation; a repeated `client_message_id` returns the first message.

    The content of an image is the URL of a picture that the actor uploaded: another server would learn who
    reads the message, and when. Raises NotFound, Forbidden if one of the two blocked the other or the
    other's account is closed, and ValidationFailed for another picture.
    """
    other_id = writable_recipient(actor, conversation_id)
    if message_type == Message.Type.IMAGE and content:
        content, data = "", {"upload": _own_picture(actor, content)}
    message, _ = _append(
        conversation_id,
        other_id,
        Message(
            sender=actor,
            message_type=message_type,
            content=content,
            data=data or {},
            client_message_id=client_message_id or None,
        ),
    )
    return message


def send_image(
    *, actor: User, conversation_id: UUID, upload: "UploadedFile[Any]", client_message_id: str | None = None
) -> Message:
    """Store an uploaded picture and send it; raises as `send_message` and `store_image`.

    The picture is decoded before the conversation is locked, because decoding is slow.
    """
    writable_recipient(actor, conversation_id)
    image = store_image(upload, folder=f"chat/{actor.pk}")
    try:
        message = send_message(
            actor=actor,
            conversation_id=conversation_id,
            message_type=Message.Type.IMAGE,
            data={"upload": image.name, "width": image.width, "height": image.height},
            client_message_id=client_message_id,
        )
    except Exception:
        delete_image(image.name)
        raise
    if message.data.get("upload") != image.name:  # already sent under this client_message_id
        delete_image(image.name)
    return message


def post_message(
    *,
    conversation: Conversation,
    sender: User | None,
    message_type: str = Message.Type.TEXT,
    content: str = "",
    data: dict[str, Any] | None = None,
    client_message_id: str | None = None,
) -> Message:
    """Append a message without checking access, which is the caller's task.

    `sender` is None for messages of the platform. `data` is plain JSON and is shown to both people. Also
    updates the counters of the given Conversation instance.
    """
    message, counters = _append(
        conversation.pk,
        conversation.other_id(sender.pk) if sender else None,
        Message(
            sender=sender,
            message_type=message_type,
            content=content,
            data=data or {},
            client_message_id=client_message_id or None,
        ),
    )
    if counters is not None:
        counters.apply_to(conversation, message)
    return message


@transaction.atomic
def hide_message(*, actor: User, message_id: UUID, reason: str) -> Message:
    """Hide a message's content from both people; the row and its number remain.

    Raises Forbidden for people who are not staff, NotFound, and ValidationFailed without a reason.
    """
    if not actor.is_staff:
        raise Forbidden
    if not reason.strip():
        raise ValidationFailed(details={"reason": [_("Enter a reason.")]})
    message = Message.objects.select_for_update(of=("self",)).filter(pk=message_id).first()
    if message is None:
        raise NotFound(_("Message not found."), code=ChatErrorCode.MESSAGE_NOT_FOUND)
    if message.hidden_at is None:
        message.hidden_at, message.hidden_by, message.hidden_reason = database_now(), actor, reason.strip()
        message.save(update_fields=["hidden_at", "hidden_by", "hidden_reason"])
        log_staff_action(actor=actor, row=message, message=f"Hidden: {message.hidden_reason}")
        people = (message.conversation.buyer_id, message.conversation.seller_id)
        replace_text(
            user_ids=people,
            collapse_key=inbox_key(message.conversation_id),
            about={"message_id": str(message.pk)},
        )
        events.publish_message_hidden(message, people)
    return message


def _own_picture(actor: User, address: str) -> str:
    name = own_upload(address, actor.pk)
    if name is None or not is_picture(name):
        message = _("Send the picture itself to /images, or the URL of a picture that you uploaded.")
        raise ValidationFailed(details={"content": [message]})
    return name


def inbox_key(conversation_id: UUID) -> str:
    """Return the collapse key with which a conversation has at most one unread notification per person."""
    return MESSAGE_NEW.key_for({"conversation_id": conversation_id})


@dataclass(frozen=True)
class _Counters:
    """The columns of a conversation's row after a message was appended."""

    last_seq: int
    buyer_id: UUID
    seller_id: UUID
    unread_count_buyer: int
    unread_count_seller: int

    def other_than(self, user_id: UUID) -> tuple[UUID, int]:
        """Return the other person and their unread count."""
        if user_id == self.buyer_id:
            return self.seller_id, self.unread_count_seller
        return self.buyer_id, self.unread_count_buyer

    def apply_to(self, conversation: Conversation, message: Message) -> None:
        conversation.last_seq = self.last_seq
        conversation.last_message = message
        conversation.last_message_at = message.created_at
        conversation.unread_count_buyer = self.unread_count_buyer
        conversation.unread_count_seller = self.unread_count_seller
        conversation.buyer_archived = conversation.seller_archived = False


# One statement locks the conversation, numbers the message, updates the counters and inserts. With four ORM
# calls a message took three times the processor time, most of it to build SQL (bench/messages.py).
_APPEND = """
WITH updated AS (
    UPDATE chat_conversation SET
        last_seq = last_seq + 1,
        last_message_id = %(id)s,
        last_message_at = %(created_at)s,
        unread_count_buyer = unread_count_buyer + (buyer_id IS DISTINCT FROM %(sender)s)::int,
        unread_count_seller = unread_count_seller + (seller_id IS DISTINCT FROM %(sender)s)::int,
        buyer_archived = false,
        seller_archived = false
    WHERE id = %(conversation)s AND NOT EXISTS (
        SELECT FROM chat_message
        WHERE conversation_id = %(conversation)s AND sender_id = %(sender)s
            AND client_message_id = %(client_message_id)s
    )
    RETURNING last_seq, buyer_id, seller_id, unread_count_buyer, unread_count_seller
), inserted AS (
    INSERT INTO chat_message (
        id, conversation_id, seq, sender_id, message_type, content, data, client_message_id, hidden_reason,
        created_at
    )
    SELECT %(id)s, %(conversation)s, last_seq, %(sender)s, %(message_type)s, %(content)s, %(data)s::jsonb,
        %(client_message_id)s, '', %(created_at)s
    FROM updated
)
SELECT last_seq, buyer_id, seller_id, unread_count_buyer, unread_count_seller FROM updated
"""


def _append(
    conversation_id: UUID, other_id: UUID | None, message: Message
) -> tuple[Message, _Counters | None]:
    """Insert, count and publish a message; one that was sent before is returned without counters.

    `other_id` is the recipient, or None for messages of the platform, which both people receive.
    """
    is_seen = (
        other_id is not None
        and message.message_type in WRITTEN_BY_PEOPLE
        and bool(attentive_among([(other_id, conversation_room(conversation_id))]))
    )
    # A transaction, because the event is committed with the message (soukloop.realtime.outbox).
    append = transaction.atomic(partial(_append_or_find, conversation_id, message, is_seen=is_seen))
    try:
        return append()
    except IntegrityError:
        # A parallel request with the same client_message_id was committed while this one waited for the lock.
        return append()


def _append_or_find(
    conversation_id: UUID, message: Message, *, is_seen: bool
) -> tuple[Message, _Counters | None]:
    message.id = uuid.uuid4()
    message.conversation_id = conversation_id
    message.created_at = database_now()
    with connection.cursor() as cursor:
        cursor.execute(
            _APPEND,
            {
                "id": message.pk,
                "conversation": conversation_id,
                "sender": message.sender_id,
                "message_type": message.message_type,
                "content": message.content,
                "data": json.dumps(message.data),
                "client_message_id": message.client_message_id,
                "created_at": message.created_at,
            },
        )
        row = cursor.fetchone()
    if row is None:
        earlier = Message.objects.select_related("sender").get(
            conversation=conversation_id, sender=message.sender, client_message_id=message.client_message_id
        )
        return earlier, None
    counters = _Counters(*row)
    message.seq = counters.last_seq
    message._state.adding = False
    events.publish_message_new(message, (counters.buyer_id, counters.seller_id))
    if message.sender is not None and message.message_type in WRITTEN_BY_PEOPLE:
        other_id, unread = counters.other_than(message.sender.pk)
        indicator = TypingIndicator(conversation_id, message.sender.pk, message.sender.username, other_id)
        transaction.on_commit(partial(typing.stop_if_started_here, indicator), robust=True)
        _notify_recipient(message, message.sender, other_id, unread, is_seen=is_seen)
    return message, counters


def _notify_recipient(message: Message, sender: User, other_id: UUID, unread: int, *, is_seen: bool) -> None:
    """Notify a recipient: one notification per conversation until it is read.

    Silently if the recipient sees the message: reading it marks the notification as read, and somebody who
    puts the phone away instead is pushed.
    """
    notify(
        user_ids=[other_id],
        kind=MESSAGE_NEW,
        params={
            "actor": sender.full_name or sender.username,
            "text": message.content or {"label": "picture"},
        },
        data={
            "conversation_id": str(message.conversation_id),
            "message_id": str(message.pk),
            "seq": message.seq,
            "unread_count": unread,
        },
        actor_id=sender.pk,
        is_silent=is_seen,
    )
