"""Reads of conversations: lists, messages, unread counts, chat partners."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Case, F, Q, When

from accounts.blocks import blocked_between_sql, blocked_ids, blocked_ids_sql
from accounts.models import User
from chat.models import CHANGED_AT, Conversation, ConversationQuerySet, Message
from chat.rooms import conversation_room
from listings.models import Product
from notifications.kinds import PendingPush
from soukloop.core.db.reads import Statement, fetch
from soukloop.core.db.rows import columns_of, take_instance
from soukloop.core.http.pagination import Page, cursor_time, decode_cursor, encode_cursor
from soukloop.realtime.attention import attentive_among

# A busy seller has thousands; each of the seller's connections would publish as many presence events.
CHAT_PARTNERS_MAX = 500

_PERSON = ("id", "username", "full_name", "avatar", "is_verified", "is_active")
_PRODUCT = (
    *("id", "title", "price", "currency", "thumbnail_url", "image_urls", "video_thumbnail_url", "status"),
)


@cache
def _page_sql() -> str:
    """Return the statement of a page of conversations.

    By hand: the ORM took four fifths of the request's time to build its three queries (`bench/api`). What is
    shown with a conversation is looked up for the page alone, not for all that are counted.
    """
    shown = ", ".join(
        [
            columns_of(Conversation, "conversation"),
            columns_of(User, "other", _PERSON),
            columns_of(Product, "product", _PRODUCT),
            columns_of(Message, "message"),
        ]
    )
    latest = "coalesce(conversation.last_message_at, conversation.created_at) DESC, conversation.id DESC"
    position = "coalesce(conversation.last_message_at, conversation.created_at), conversation.id"
    other = "CASE WHEN buyer_id = %(user)s THEN seller_id ELSE buyer_id END"
    is_archived = "CASE WHEN buyer_id = %(user)s THEN buyer_archived ELSE seller_archived END"
    return f"""
        SELECT {shown}, conversation.total
        FROM (
            SELECT * FROM (
                SELECT *, count(*) OVER () AS total FROM chat_conversation
                WHERE (buyer_id = %(user)s OR seller_id = %(user)s)
                    AND (%(archived)s::boolean IS NULL OR {is_archived} = %(archived)s)
                    AND (%(product)s::uuid IS NULL OR product_id = %(product)s)
                    AND {other} <> ALL (ARRAY({blocked_ids_sql("%(user)s")}))
            ) AS conversation
            WHERE %(after_time)s::timestamptz IS NULL OR ({position}) < (%(after_time)s, %(after_id)s::uuid)
            ORDER BY {latest} LIMIT %(limit)s OFFSET %(offset)s
        ) AS conversation
        JOIN accounts_user AS other ON other.id = {other}
        LEFT JOIN listings_product AS product ON product.id = conversation.product_id
        LEFT JOIN chat_message AS message ON message.id = conversation.last_message_id
        ORDER BY {latest}
    """  # noqa: S608 - no value of a client


class ConversationPage(NamedTuple):
    """A page of conversations; `total` counts all of the list, and is 0 beyond its last conversation."""

    conversations: list[Conversation]
    total: int
    has_more: bool

    @property
    def next_cursor(self) -> str | None:
        """The position of the page's last conversation, for the next page; None at the list's end."""
        if not self.has_more:
            return None
        last = self.conversations[-1]
        return encode_cursor((last.last_message_at or last.created_at).isoformat(), str(last.pk))


def conversation_page(
    user: User,
    page: Page,
    *,
    archived: bool | None = False,
    product_id: UUID | None = None,
    cursor: str = "",
) -> ConversationPage:
    """Return a page of the user's conversations, latest first; after `cursor` if there is one.

    Those with blocked people are left out. With `archived` None, archived ones are among them. Of the other
    person and the product only what lists show is read. Raises ValidationFailed for an invalid cursor.
    """
    after_time, after_id = decode_cursor(cursor, cursor_time, UUID) if cursor else (None, None)
    params: dict[str, Any] = {
        "user": user.pk,
        "archived": archived,
        "product": product_id,
        "after_time": after_time,
        "after_id": after_id,
        "limit": page.size + 1,
        "offset": 0 if cursor else page.offset,
    }
    with connection.cursor() as database:
        database.execute(_page_sql(), params)
        rows = database.fetchall()
        if not rows and (cursor or page.offset):  # beyond the last one; the first knows how many there are
            first_row = params | {"after_time": None, "after_id": None, "limit": 1, "offset": 0}
            database.execute(_page_sql(), first_row)
            first = database.fetchone()
            return ConversationPage([], first[-1] if first else 0, False)
    conversations = [_conversation(row, user) for row in rows[: page.size]]
    return ConversationPage(conversations, rows[0][-1] if rows else 0, len(rows) > page.size)


def _conversation(row: tuple[Any, ...], user: User) -> Conversation:
    conversation, others = take_instance(Conversation, row)
    other, others = take_instance(User, others, _PERSON)
    product, others = take_instance(Product, others, _PRODUCT)
    message, _ = take_instance(Message, others)
    is_buyer = conversation.is_buyer(user.pk)
    conversation.buyer, conversation.seller = (user, other) if is_buyer else (other, user)
    conversation.product = product if product.pk else None
    conversation.last_message = message if message.pk else None
    return conversation


def dealings_about(user: User, product: Product) -> dict[str, Any]:
    """Return `my_conversation`: this buyer's conversation with the product's seller about it, or None."""
    sql = (
        "SELECT id, unread_count_buyer FROM chat_conversation"
        " WHERE buyer_id = %s AND seller_id = %s AND product_id = %s"
    )
    rows = fetch(Statement(sql, [user.pk, product.seller_id, product.pk]))
    return {"my_conversation": {"id": rows[0][0], "unread_count": rows[0][1]} if rows else None}


def unread_counts(user: User) -> dict[str, int]:
    """Count the user's unread messages, and the conversations that have any, without archived ones."""
    unread = Case(When(buyer_id=user.pk, then=F("unread_count_buyer")), default=F("unread_count_seller"))
    unread_conversations = (
        _visible_to(user).not_archived_by(user.pk).annotate(unread=unread).filter(unread__gt=0)
    )
    counts = list(unread_conversations.values_list("unread", flat=True))
    return {"unread_count": sum(counts), "conversations": len(counts)}


def messages_of(
    conversation: Conversation,
    *,
    before_seq: int | None = None,
    after_seq: int | None = None,
    changed_after: datetime | None = None,
    limit: int,
) -> tuple[list[Message], bool]:
    """Return at most `limit` messages in the order they were written, and whether there are more.

    With `after_seq`, the first messages after it; otherwise the latest, or the latest before `before_seq`.
    With `changed_after`, only those that their senders edited or deleted after this time.
    """
    messages = conversation.messages.select_related("sender").defer("sender__location")
    if changed_after is not None:
        # The condition of the index `message_changed`, which PostgreSQL doesn't conclude from the other.
        is_changed = Q(edited_at__isnull=False) | Q(deleted_at__isnull=False)
        messages = messages.alias(changed_at=CHANGED_AT).filter(is_changed, changed_at__gt=changed_after)
    if before_seq is not None:
        messages = messages.filter(seq__lt=before_seq)
    if after_seq is not None:
        rows = list(messages.filter(seq__gt=after_seq).order_by("seq")[: limit + 1])
        return rows[:limit], len(rows) > limit
    rows = list(messages.order_by("-seq")[: limit + 1])
    return rows[:limit][::-1], len(rows) > limit


_READ_UP_TO = """
SELECT asked.number FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[]) WITH ORDINALITY
  AS asked(user_id, conversation_id, seq, number)
JOIN chat_conversation AS conversation ON conversation.id = asked.conversation_id
WHERE CASE WHEN buyer_id = asked.user_id THEN buyer_read_seq ELSE seller_read_seq END >= asked.seq
"""


def attended_among(messages: Collection[tuple[UUID, UUID, int]]) -> set[tuple[UUID, UUID, int]]:
    """Return the (user id, conversation id, seq) whose user needs no push of this message.

    Because the user has read up to it, has the conversation open on a live connection, or has said that the
    app is in the foreground. Takes one query and two round trips to Redis, however many there are.
    """
    asked = list(messages)
    if not asked:
        return set()
    users, conversations, seqs = (list(column) for column in zip(*asked, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(_READ_UP_TO, [users, conversations, seqs])
        attended = {asked[number - 1] for (number,) in cursor.fetchall()}
    rooms = {each: (each[0], conversation_room(each[1])) for each in asked if each not in attended}
    attentive = attentive_among(set(rooms.values()))
    return attended | {each for each, pair in rooms.items() if pair in attentive}


def attended_pushes(pushes: Sequence[PendingPush]) -> set[int]:
    """Return the ids of the pushes of messages whose recipients don't need them."""
    messages: dict[tuple[UUID, UUID, int], list[int]] = {}
    for push in pushes:
        if "seq" in push.data:  # not in notifications of earlier versions
            message = (push.user_id, UUID(push.data["conversation_id"]), int(push.data["seq"]))
            messages.setdefault(message, []).append(push.id)
    return {push_id for message in attended_among(messages) for push_id in messages[message]}


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
