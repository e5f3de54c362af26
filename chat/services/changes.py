"""Editing and deleting messages by their senders."""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.models import User
from chat import events
from chat.access import conversation_of, own_message, writable_recipient
from chat.error_codes import ChatErrorCode
from chat.models import Conversation, Message, MessageEdit
from chat.services.messages import WRITTEN_BY_PEOPLE, inbox_key
from listings.models import Product
from notifications.services.inbox import mark_read_by_key, replace_text
from soukloop.core.db.clock import database_now
from soukloop.core.errors import Conflict, RateLimited
from soukloop.core.images import delete_image, public_url
from soukloop.core.jobs.queue import enqueue

_LEAST_DIFFERENCE = timedelta(seconds=1)  # what clients can tell apart: times are sent in whole seconds
_AHEAD_MAX = timedelta(seconds=3)  # of the clock, after quick edits: clients ask for changes after a time


@transaction.atomic
def edit_message(*, actor: User, conversation_id: UUID, message_id: UUID, content: str) -> Message:
    """Replace the text of a message that the actor sent; the same text again changes nothing.

    Earlier texts are kept for staff. Raises NotFound, Forbidden for a message of the other person and if one
    of the two blocked the other, Conflict for a message that is too old, deleted, hidden, or not a text,
    RateLimited for more than one edit a second.
    """
    other_id = writable_recipient(actor, conversation_id)
    message = own_message(actor, conversation_id, message_id)
    if message.deleted_at is not None:
        raise Conflict(_("This message was deleted."), code=ChatErrorCode.MESSAGE_DELETED)
    _check_changeable(message, types=(Message.Type.TEXT,))
    if message.content == content:
        return message
    edited_at = _after(message.edited_at)
    if edited_at > database_now() + _AHEAD_MAX:
        raise RateLimited(_("You are editing this message too fast."), retry_after=1)
    MessageEdit.objects.create(message=message, content=message.content, replaced_at=database_now())
    message.content, message.edited_at = content, edited_at
    message.save(update_fields=["content", "edited_at"])
    replace_text(
        user_ids=[other_id],
        collapse_key=inbox_key(conversation_id),
        about={"message_id": str(message.pk)},
        text=content,
    )
    events.publish_message_edited(message, (actor.pk, other_id))
    return message


@transaction.atomic
def delete_message(*, actor: User, conversation_id: UUID, message_id: UUID) -> Message:
    """Delete the content of a message that the actor sent, for both people; deleting again changes nothing.

    The row stays, with its number, and staff still see its text; a picture sent to it is deleted by a job.
    Somebody who was blocked meanwhile may still delete. Raises NotFound, Forbidden for a message of the other
    person, Conflict for a message that is too old, hidden, or neither a text nor a picture.
    """
    conversation = conversation_of(actor, conversation_id, lock=True)  # before the message, as senders do
    message = own_message(actor, conversation_id, message_id)
    if message.deleted_at is not None:
        return message
    _check_changeable(message, types=WRITTEN_BY_PEOPLE)
    message.deleted_at = _after(message.edited_at)
    message.save(update_fields=["deleted_at"])
    other_id = conversation.other_id(actor.pk)
    if message.seq > conversation.read_seq_of(other_id):
        _count_one_unread_less(conversation, other_id)
    unread = conversation.unread_count_of(other_id)
    replace_text(
        user_ids=[other_id],
        collapse_key=inbox_key(conversation_id),
        about={"message_id": str(message.pk)},
        text={"label": "deleted"},
        data={"unread_count": unread},
    )
    if not unread:
        mark_read_by_key(user_id=other_id, collapse_key=inbox_key(conversation_id))
    if picture := message.data.get("upload"):
        enqueue("chat.delete_picture", sender_id=str(actor.pk), name=picture)
    events.publish_message_deleted(message, (actor.pk, other_id))
    return message


def delete_picture(*, sender_id: UUID, name: str) -> None:
    """Delete the file of a deleted message's picture, unless its sender uses it elsewhere."""
    if not name.startswith("chat/"):  # a picture of a product, sent by its URL
        return
    messages = Message.objects.filter(sender=sender_id, message_type=Message.Type.IMAGE, deleted_at=None)
    if messages.filter(data__upload=name).exists():
        return
    if Product.objects.filter(seller=sender_id, image_urls__contains=[public_url(name)]).exists():
        return
    delete_image(name)


def _check_changeable(message: Message, *, types: tuple[Message.Type, ...]) -> None:
    if message.message_type not in types or message.hidden_at is not None:
        raise Conflict(_("This message can't be changed."), code=ChatErrorCode.MESSAGE_NOT_CHANGEABLE)
    if database_now() - message.created_at > timedelta(seconds=settings.MESSAGE_EDITABLE_SECONDS):
        raise Conflict(
            ngettext(
                "Messages can be changed for %(minutes)d minute.",
                "Messages can be changed for %(minutes)d minutes.",
                settings.MESSAGE_EDITABLE_SECONDS // 60,
            )
            % {"minutes": settings.MESSAGE_EDITABLE_SECONDS // 60},
            code=ChatErrorCode.MESSAGE_TOO_OLD,
        )


def _after(earlier: datetime | None) -> datetime:
    """Return the present time, but later than the message's last change: clients order versions by it."""
    now = database_now()
    return now if earlier is None else max(now, earlier + _LEAST_DIFFERENCE)


def _count_one_unread_less(conversation: Conversation, user_id: UUID) -> None:
    side = "unread_count_buyer" if conversation.is_buyer(user_id) else "unread_count_seller"
    setattr(conversation, side, max(0, getattr(conversation, side) - 1))
    conversation.save(update_fields=[side])
