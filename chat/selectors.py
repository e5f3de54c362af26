"""Reads of conversations: lists, messages, unread counts, chat partners."""

from collections.abc import Collection, Iterable
from uuid import UUID

from django.db import connection
from django.db.models import Case, F, QuerySet, When

from accounts.blocks import blocked_between_sql, blocked_ids
from accounts.models import User
from chat.models import Conversation, ConversationQuerySet, Message

# A busy seller has thousands; each of the seller's connections would publish as many presence events.
CHAT_PARTNERS_MAX = 500

_PERSON = ("id", "username", "full_name", "avatar", "is_verified", "is_active")
_PRODUCT = ("id", "title", "price", "currency", "thumbnail_url", "status")
_LIST_COLUMNS = (
    *(field.attname for field in Conversation._meta.concrete_fields),
    *(f"{person}__{name}" for person in ("buyer", "seller") for name in _PERSON),
    *(f"product__{name}" for name in _PRODUCT),
    *(f"last_message__{field.attname}" for field in Message._meta.concrete_fields),
)


def with_list_relations(conversations: QuerySet[Conversation]) -> QuerySet[Conversation]:
    """Load both people, the product and the last message in the same query."""
    return conversations.select_related("buyer", "seller", "product", "last_message").only(*_LIST_COLUMNS)


def conversations_of(user: User, *, archived: bool = False) -> QuerySet[Conversation]:
    """Return the user's conversations, latest first, without those with blocked people."""
    conversations = _visible_to(user)
    conversations = conversations.archived_by(user.pk) if archived else conversations.not_archived_by(user.pk)
    return with_list_relations(conversations.latest_first())


def unread_counts(user: User) -> dict[str, int]:
    """Count the user's unread messages, and the conversations that have any, without archived ones."""
    unread = Case(When(buyer_id=user.pk, then=F("unread_count_buyer")), default=F("unread_count_seller"))
    unread_conversations = (
        _visible_to(user).not_archived_by(user.pk).annotate(unread=unread).filter(unread__gt=0)
    )
    counts = list(unread_conversations.values_list("unread", flat=True))
    return {"unread_count": sum(counts), "conversations": len(counts)}


def messages_of(
    conversation: Conversation, *, before_seq: int | None, after_seq: int | None, limit: int
) -> tuple[list[Message], bool]:
    """Return at most `limit` messages in the order they were written, and whether there are more.

    With `after_seq`, the first messages after it; otherwise the latest, or the latest before `before_seq`.
    """
    messages = conversation.messages.select_related("sender").defer("sender__location")
    if before_seq is not None:
        messages = messages.filter(seq__lt=before_seq)
    if after_seq is not None:
        rows = list(messages.filter(seq__gt=after_seq).order_by("seq")[: limit + 1])
        return rows[:limit], len(rows) > limit
    rows = list(messages.order_by("-seq")[: limit + 1])
    return rows[:limit][::-1], len(rows) > limit


# One statement for all users, because hundreds of viewers may join a live stream at the same time.
_CHAT_PARTNERS = f"""
SELECT DISTINCT person.id, latest.other_id FROM unnest(%s::uuid[]) AS person(id) CROSS JOIN LATERAL (
  SELECT CASE WHEN buyer_id = person.id THEN seller_id ELSE buyer_id END AS other_id FROM chat_conversation
  WHERE (buyer_id = person.id OR seller_id = person.id) AND last_seq > 0
  ORDER BY coalesce(last_message_at, created_at) DESC, id DESC LIMIT %s
) AS latest
WHERE NOT {blocked_between_sql("person.id", "latest.other_id")}
"""  # noqa: S608 - no value of a client


def chat_partners(user_ids: Collection[UUID]) -> Iterable[tuple[UUID, UUID]]:
    """Return (user id, partner id) pairs: the people with whom each user most recently exchanged messages."""
    with connection.cursor() as cursor:
        cursor.execute(_CHAT_PARTNERS, [list(user_ids), CHAT_PARTNERS_MAX])
        rows: list[tuple[UUID, UUID]] = cursor.fetchall()
    return rows


def _visible_to(user: User) -> ConversationQuerySet:
    return Conversation.objects.of(user.pk).without(blocked_ids(user.pk))
