"""Opening, reading and archiving conversations."""

import math
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from accounts.error_codes import AccountsErrorCode
from accounts.models import User
from accounts.selectors import has_confirmed_contact
from chat import events
from chat.access import check_reachable, conversation_of, is_reachable
from chat.models import Conversation, Message
from chat.services.messages import inbox_key, post_message
from listings.access import product_visible_to
from listings.error_codes import ListingsErrorCode
from listings.models import Product
from notifications.services.inbox import mark_read_by_key
from soukloop.core.db.clock import database_now
from soukloop.core.db.rows import user_by_id
from soukloop.core.errors import NotFound, RateLimited, ValidationFailed

RETRY_WINDOW = timedelta(seconds=10)
_DAY = timedelta(days=1)
_WITHDRAWN = (Product.Status.HIDDEN, Product.Status.DELETED)


@transaction.atomic
def open_conversation(
    *,
    actor: User,
    other_user_id: UUID,
    product_id: UUID | None = None,
    initial_message: str = "",
) -> tuple[Conversation, bool]:
    """Return two people's conversation, about a product or about none, and whether it was created now.

    The product's seller is the seller; without a product, the person who opens it is the buyer. The same
    initial message again within RETRY_WINDOW is treated as a client's retry and not posted twice. Raises
    ValidationFailed if both people are the same or neither sells the product, NotFound for a person or
    product that the actor cannot see, Forbidden if one of the two blocked the other, RateLimited if the
    actor has contacted too many strangers today.
    """
    if other_user_id == actor.pk:
        raise ValidationFailed(
            details={"other_user_id": [_("You cannot start a conversation with yourself.")]}
        )
    other = user_by_id(other_user_id)
    if other is None or not other.is_active:
        raise NotFound(_("User not found."), code=AccountsErrorCode.USER_NOT_FOUND)
    check_reachable(actor, other.pk)
    if product_id is None:
        conversation, is_new = _open_without_product(actor, other)
    else:
        conversation, is_new = _open_about_product(actor, other, product_id)
    if initial_message:
        conversation = conversation_of(actor, conversation.pk, lock=True)
        if not _is_retry(conversation, actor, initial_message):
            post_message(conversation=conversation, sender=actor, content=initial_message)
    return conversation, is_new


def _is_retry(conversation: Conversation, actor: User, content: str) -> bool:
    """Return whether the actor has just sent the same text.

    The conversation must be locked, so that a parallel request has already been committed.
    """
    return conversation.messages.filter(
        sender=actor,
        message_type=Message.Type.TEXT,
        content=content,
        deleted_at=None,
        created_at__gt=database_now() - RETRY_WINDOW,
    ).exists()


def _open_about_product(actor: User, other: User, product_id: UUID) -> tuple[Conversation, bool]:
    conversations = Conversation.objects.of(actor.pk).of(other.pk)
    found = conversations.filter(product=product_id).select_related("product").first()
    # A sold product is hidden from others, but these two keep their conversation about it.
    if found is not None and found.product is not None and found.product.status not in _WITHDRAWN:
        return found, False
    product = product_visible_to(actor, product_id)
    if product.status in _WITHDRAWN:
        raise NotFound(_("Product not found."), code=ListingsErrorCode.PRODUCT_NOT_FOUND)
    if product.seller_id not in (actor.pk, other.pk):
        raise ValidationFailed(details={"product_id": [_("Neither of you sells this product.")]})
    buyer, seller = (other, actor) if product.seller_id == actor.pk else (actor, other)
    _limit_strangers(actor, other)
    return Conversation.objects.get_or_create(
        buyer=buyer, seller=seller, product=product, defaults={"opened_by": actor}
    )


def _open_without_product(actor: User, other: User) -> tuple[Conversation, bool]:
    conversations = Conversation.objects.filter(
        Q(buyer=actor, seller=other) | Q(buyer=other, seller=actor), product=None
    )
    found = conversations.first()
    if found is not None:
        return found, False
    _limit_strangers(actor, other)
    try:
        with transaction.atomic():
            return Conversation.objects.create(buyer=actor, seller=other, opened_by=actor), True
    except IntegrityError:  # the other person opened it at the same time
        return conversations.get(), False


def _limit_strangers(actor: User, other: User) -> None:
    """Raise RateLimited if the actor has contacted as many strangers in the last 24 hours as one may.

    A stranger is somebody with whom the actor has no conversation yet. Messages and offers both come here.
    """
    if Conversation.objects.of(actor.pk).of(other.pk).exists():
        return
    limit = settings.STRANGERS_CONTACTED_PER_DAY
    if not has_confirmed_contact(actor):
        limit = settings.STRANGERS_CONTACTED_PER_DAY_UNCONFIRMED
    with connection.cursor() as cursor:  # parallel requests of one person count one after the other
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"strangers:{actor.pk}"])
    now = database_now()
    opened = Conversation.objects.filter(opened_by=actor, created_at__gt=now - _DAY).order_by("created_at")
    last_opened = {each.other_id(actor.pk): each.created_at for each in opened}
    if len(last_opened) >= limit:
        wait = min(last_opened.values()) + _DAY - now
        raise RateLimited(
            ngettext_lazy(
                "You can write to %(limit)d new person a day.",
                "You can write to %(limit)d new people a day.",
                "limit",
            ),
            params={"limit": limit},
            retry_after=math.ceil(wait.total_seconds()),
        )


@transaction.atomic
def mark_read(*, actor: User, conversation_id: UUID, up_to_seq: int | None = None) -> Conversation:
    """Mark a conversation as read up to a message, or to its end; never marks anything as unread."""
    conversation = conversation_of(actor, conversation_id, lock=True)
    last = conversation.last_seq
    seq = last if up_to_seq is None else min(up_to_seq, last)
    if seq <= conversation.read_seq_of(actor.pk):
        return conversation
    unread = 0
    if seq < last:  # the other person's later messages remain unread
        later = conversation.messages.filter(seq__gt=seq, deleted_at=None)
        unread = later.exclude(sender_id=actor.pk).count()
    if conversation.is_buyer(actor.pk):
        conversation.buyer_read_seq, conversation.unread_count_buyer = seq, unread
        conversation.save(update_fields=["buyer_read_seq", "unread_count_buyer"])
    else:
        conversation.seller_read_seq, conversation.unread_count_seller = seq, unread
        conversation.save(update_fields=["seller_read_seq", "unread_count_seller"])
    if not unread:
        mark_read_by_key(user_id=actor.pk, collapse_key=inbox_key(conversation.pk))
    is_shown = is_reachable(actor, conversation.other_id(actor.pk))
    events.publish_messages_read(conversation, actor.pk, is_shown_to_other=is_shown)
    return conversation


@transaction.atomic
def set_archived(*, actor: User, conversation_id: UUID, archived: bool) -> Conversation:
    """Archive or unarchive a conversation for the actor; a new message unarchives it too."""
    conversation = conversation_of(actor, conversation_id, lock=True)
    if conversation.is_buyer(actor.pk):
        conversation.buyer_archived = archived
        conversation.save(update_fields=["buyer_archived"])
    else:
        conversation.seller_archived = archived
        conversation.save(update_fields=["seller_archived"])
    return conversation
