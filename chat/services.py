"""Every write to a conversation."""

from functools import partial
from typing import Any
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from accounts.selectors import blocked_between
from chat import events, typing
from chat.access import conversation_of
from chat.models import Conversation, Message
from chat.typing import Typist
from listings.access import product_visible_to
from listings.models import Product
from notifications.services import mark_read_by_key, notify
from soukloop.core.errors import Forbidden, NotFound, ValidationFailed
from soukloop.core.images import delete_image, store_image
from soukloop.realtime.presence import online_among

# What two people say to each other; what the server adds (offers, system messages) its own app announces.
WRITTEN_BY_PEOPLE = (Message.Type.TEXT, Message.Type.IMAGE)
_WITHDRAWN = (Product.Status.HIDDEN, Product.Status.DELETED)


@transaction.atomic
def open_conversation(
    *,
    actor: User,
    other_user_id: UUID,
    product_id: UUID | None = None,
    initial_message: str = "",
) -> tuple[Conversation, bool]:
    """Return the conversation of two people about a product, or about none, and whether it was made now.

    The product's seller is the seller; without a product whoever opens first is the buyer. Raises
    ValidationFailed for oneself and for a product of neither, NotFound for a person or product that isn't
    there for the actor, Forbidden where one of the two blocked the other.
    """
    if other_user_id == actor.pk:
        raise ValidationFailed(details={"other_user_id": ["You can't write to yourself."]})
    other = User.objects.filter(pk=other_user_id, is_active=True).first()
    if other is None:
        raise NotFound("There is no such person.", code="user_not_found")
    check_reachable(actor, other.pk)
    if product_id is None:
        conversation, is_new = _without_product(actor, other)
    else:
        conversation, is_new = _about_product(actor, other, product_id)
    if initial_message:
        post_message(conversation=conversation, sender=actor, content=initial_message)
    return conversation, is_new


def _about_product(actor: User, other: User, product_id: UUID) -> tuple[Conversation, bool]:
    of_both = Conversation.objects.of(actor.pk).of(other.pk)
    found = of_both.filter(product=product_id).select_related("product").first()
    # Sold things are hidden from lists, but the two go on talking about theirs.
    if found is not None and found.product is not None and found.product.status not in _WITHDRAWN:
        return found, False
    product = product_visible_to(actor, product_id)
    if product.status in _WITHDRAWN:
        raise NotFound("There is no such product.", code="product_not_found")
    if product.seller_id not in (actor.pk, other.pk):
        raise ValidationFailed(details={"product_id": ["This product is sold by neither of you."]})
    buyer, seller = (other, actor) if product.seller_id == actor.pk else (actor, other)
    return Conversation.objects.get_or_create(buyer=buyer, seller=seller, product=product)


def _without_product(actor: User, other: User) -> tuple[Conversation, bool]:
    either_way = Conversation.objects.filter(
        Q(buyer=actor, seller=other) | Q(buyer=other, seller=actor), product=None
    )
    found = either_way.first()
    if found is not None:
        return found, False
    try:
        with transaction.atomic():
            return Conversation.objects.create(buyer=actor, seller=other), True
    except IntegrityError:  # the other opened it at the same moment
        return either_way.get(), False


@transaction.atomic
def send_message(
    *,
    actor: User,
    conversation_id: UUID,
    message_type: str = Message.Type.TEXT,
    content: str = "",
    data: dict[str, Any] | None = None,
    client_message_id: str | None = None,
) -> Message:
    """Write in a conversation of one's own.

    Raises NotFound, and Forbidden where one of the two blocked the other or the other's account is closed.
    """
    conversation = conversation_of(actor, conversation_id, lock=True)
    check_reachable(actor, conversation.other_id(actor.pk))
    return _append(conversation, actor, message_type, content, data, client_message_id)


def send_image(
    *, actor: User, conversation_id: UUID, upload: UploadedFile, client_message_id: str | None = None
) -> Message:
    """Store an uploaded picture and send it; raises as `send_message` and `store_image` do.

    The picture is decoded before the conversation is locked: that takes a while.
    """
    conversation = conversation_of(actor, conversation_id)
    check_reachable(actor, conversation.other_id(actor.pk))
    image = store_image(upload, folder="chat")
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
    if message.data.get("upload") != image.name:  # sent before, under the same client_message_id
        delete_image(image.name)
    return message


@transaction.atomic
def post_message(
    *,
    conversation: Conversation,
    sender: User | None,
    message_type: str = Message.Type.TEXT,
    content: str = "",
    data: dict[str, Any] | None = None,
    client_message_id: str | None = None,
) -> Message:
    """Append a message for the server: whoever calls has checked that the sender may write here.

    `sender` is None when the platform itself speaks. `data` is plain JSON and is shown to both sides. The
    given conversation's counters are refreshed.
    """
    conversation.refresh_from_db(from_queryset=Conversation.objects.select_for_update(of=("self",)))
    return _append(conversation, sender, message_type, content, data, client_message_id)


def _append(
    conversation: Conversation,
    sender: User | None,
    message_type: str,
    content: str,
    data: dict[str, Any] | None,
    client_message_id: str | None,
) -> Message:
    """Number and count a message; the conversation's row is locked by the caller."""
    if client_message_id and sender:
        earlier = conversation.messages.filter(sender=sender, client_message_id=client_message_id).first()
        if earlier is not None:
            earlier.sender = sender
            return earlier
    message = Message.objects.create(
        conversation=conversation,
        seq=conversation.last_seq + 1,
        sender=sender,
        message_type=message_type,
        content=content,
        data=data or {},
        client_message_id=client_message_id or None,
        created_at=timezone.now(),
    )
    conversation.last_seq = message.seq
    conversation.last_message = message
    conversation.last_message_at = message.created_at
    if message.sender_id != conversation.buyer_id:
        conversation.unread_count_buyer += 1
    if message.sender_id != conversation.seller_id:
        conversation.unread_count_seller += 1
    conversation.buyer_archived = conversation.seller_archived = False
    conversation.save(
        update_fields=[
            "last_seq",
            "last_message",
            "last_message_at",
            "unread_count_buyer",
            "unread_count_seller",
            "buyer_archived",
            "seller_archived",
        ]
    )
    events.message_new(conversation, message)
    if sender and message_type in WRITTEN_BY_PEOPLE:
        _stop_typing(conversation, sender)
        _tell_if_away(conversation, sender, message)
    return message


@transaction.atomic
def mark_read(*, actor: User, conversation_id: UUID, up_to_seq: int | None = None) -> Conversation:
    """Read a conversation up to a message, or to its end; what was read before stays read."""
    conversation = conversation_of(actor, conversation_id, lock=True)
    last = conversation.last_seq
    seq = last if up_to_seq is None else min(up_to_seq, last)
    if seq <= conversation.read_seq_of(actor.pk):
        return conversation
    # At the end there is nothing to count; short of it the rest of what the other side wrote is unread.
    unread = 0
    if seq < last:
        unread = conversation.messages.filter(seq__gt=seq).exclude(sender_id=actor.pk).count()
    if conversation.is_buyer(actor.pk):
        conversation.buyer_read_seq, conversation.unread_count_buyer = seq, unread
        conversation.save(update_fields=["buyer_read_seq", "unread_count_buyer"])
    else:
        conversation.seller_read_seq, conversation.unread_count_seller = seq, unread
        conversation.save(update_fields=["seller_read_seq", "unread_count_seller"])
    if not unread:
        mark_read_by_key(user_id=actor.pk, collapse_key=inbox_key(conversation.pk))
    is_shown = _is_reachable(actor, conversation.other_id(actor.pk))
    events.messages_read(conversation, actor.pk, is_shown_to_other=is_shown)
    return conversation


@transaction.atomic
def set_archived(*, actor: User, conversation_id: UUID, archived: bool) -> Conversation:
    """Put a conversation out of one's own list, or back; a new message puts it back as well."""
    conversation = conversation_of(actor, conversation_id, lock=True)
    if conversation.is_buyer(actor.pk):
        conversation.buyer_archived = archived
        conversation.save(update_fields=["buyer_archived"])
    else:
        conversation.seller_archived = archived
        conversation.save(update_fields=["seller_archived"])
    return conversation


@transaction.atomic
def hide_message(*, actor: User, message_id: UUID, reason: str) -> Message:
    """Take a message's content from both sides' sight.

    The row stays as evidence, and so does its place. Raises Forbidden for who isn't staff,
    NotFound, and ValidationFailed without a reason.
    """
    if not actor.is_staff:
        raise Forbidden
    if not reason.strip():
        raise ValidationFailed(details={"reason": ["Say why."]})
    message = Message.objects.select_for_update(of=("self",)).filter(pk=message_id).first()
    if message is None:
        raise NotFound("There is no such message.", code="message_not_found")
    if message.hidden_at is None:
        message.hidden_at, message.hidden_by, message.hidden_reason = timezone.now(), actor, reason.strip()
        message.save(update_fields=["hidden_at", "hidden_by", "hidden_reason"])
        events.message_hidden(message.conversation, message)
    return message


def inbox_key(conversation_id: UUID) -> str:
    """Return the key under which a conversation's unread notifications are one."""
    return f"conversation:{conversation_id}"


def check_reachable(actor: User, other_id: UUID) -> None:
    """Refuse to write to who is blocked or gone, in words that don't say which, nor by whom."""
    if not _is_reachable(actor, other_id):
        raise Forbidden("You can't exchange messages with this person.", code="messaging_unavailable")


def _is_reachable(actor: User, other_id: UUID) -> bool:
    people = User.objects.filter(pk=other_id, is_active=True).exclude(blocked_between(actor.pk, "pk"))
    return people.exists()


def _tell_if_away(conversation: Conversation, sender: User, message: Message) -> None:
    """Leave a notification to who isn't connected: one per conversation until it is read."""
    other_id = conversation.other_id(sender.pk)
    if online_among({other_id}):
        return
    notify(
        user_ids=[other_id],
        kind="message_new",
        title=sender.full_name or sender.username,
        body=message.content or "Sent a picture",
        data={
            "conversation_id": str(conversation.pk),
            "message_id": str(message.pk),
            "unread_count": conversation.unread_count_of(other_id),
        },
        actor_id=sender.pk,
        collapse_key=inbox_key(conversation.pk),
    )


def _stop_typing(conversation: Conversation, sender: User) -> None:
    typist = Typist(conversation.pk, sender.pk, sender.username, conversation.other_id(sender.pk))
    transaction.on_commit(partial(typing.stop, typist), robust=True)
