"""Reads of conversations: lists, messages, counts, who shares one."""

from uuid import UUID

from django.db.models import Case, F, QuerySet, When

from accounts.models import User
from accounts.selectors import blocked_ids
from chat.models import Conversation, ConversationQuerySet, Message

# A busy seller has thousands; each coming and going would be as many events.
ACQUAINTANCES_MAX = 500

_PERSON = ("id", "username", "full_name", "avatar", "is_verified", "is_active")
_PRODUCT = ("id", "title", "price", "currency", "thumbnail_url", "status")
_SHOWN = (
    *(field.attname for field in Conversation._meta.concrete_fields),
    *(f"{person}__{name}" for person in ("buyer", "seller") for name in _PERSON),
    *(f"product__{name}" for name in _PRODUCT),
    *(f"last_message__{field.attname}" for field in Message._meta.concrete_fields),
)


def with_what_is_shown(conversations: QuerySet[Conversation]) -> QuerySet[Conversation]:
    """Load both people, the product's card and the last message in the same query."""
    return conversations.select_related("buyer", "seller", "product", "last_message").only(*_SHOWN)


def conversations_of(user: User, *, archived: bool = False) -> QuerySet[Conversation]:
    """Return the user's list, latest first; people who are hidden from the user are not in it."""
    conversations = _shown_to(user)
    conversations = conversations.archived_by(user.pk) if archived else conversations.not_archived_by(user.pk)
    return with_what_is_shown(conversations.latest_first())


def unread_counts(user: User) -> dict[str, int]:
    """Return how many messages, in how many conversations, wait for the user; archived ones don't count."""
    unread = Case(When(buyer_id=user.pk, then=F("unread_count_buyer")), default=F("unread_count_seller"))
    waiting = _shown_to(user).not_archived_by(user.pk).annotate(unread=unread).filter(unread__gt=0)
    counts = list(waiting.values_list("unread", flat=True))
    return {"unread_count": sum(counts), "conversations": len(counts)}


def messages_of(
    conversation: Conversation, *, before_seq: int | None, after_seq: int | None, limit: int
) -> tuple[list[Message], bool]:
    """Return up to `limit` messages in the order they were written, and whether there are more that way.

    After `after_seq` the next ones; otherwise the latest, before `before_seq` where it is given.
    """
    messages = conversation.messages.select_related("sender").defer("sender__location")
    if before_seq is not None:
        messages = messages.filter(seq__lt=before_seq)
    if after_seq is not None:
        rows = list(messages.filter(seq__gt=after_seq).order_by("seq")[: limit + 1])
        return rows[:limit], len(rows) > limit
    rows = list(messages.order_by("-seq")[: limit + 1])
    return rows[:limit][::-1], len(rows) > limit


def acquaintances(user_id: UUID) -> set[UUID]:
    """Return who is told that this person comes and goes: whom they last wrote with, bar the hidden."""
    written = Conversation.objects.of(user_id).filter(last_seq__gt=0).latest_first()
    pairs = written.values_list("buyer_id", "seller_id")[:ACQUAINTANCES_MAX]
    return {person for pair in pairs for person in pair} - {user_id} - blocked_ids(user_id)


def _shown_to(user: User) -> ConversationQuerySet:
    return Conversation.objects.of(user.pk).without(blocked_ids(user.pk))
