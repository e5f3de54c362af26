"""Writes to a stream's chat: messages, rules, moderators and muted viewers."""

import logging
from contextlib import nullcontext
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy
from redis.exceptions import RedisError

from accounts.blocks import is_blocked_between
from accounts.error_codes import AccountsErrorCode
from accounts.models import User
from accounts.services.relations import lock_pair
from chat.error_codes import ChatErrorCode
from livestream import access, events, live_counts, states
from livestream.error_codes import LivestreamErrorCode
from livestream.models import ChatMessage, Stream, StreamModerator, StreamMute
from livestream.selectors.chat import chat_payload, newest_messages
from soukloop.core import jsonlib
from soukloop.core.db.clock import database_now
from soukloop.core.errors import Conflict, Forbidden, NotFound, RateLimited, ValidationFailed
from soukloop.core.redis.action_limits import counted_action
from soukloop.core.staff.history import log_staff_action

logger = logging.getLogger(__name__)


def post_message(
    *, actor: User, stream_id: UUID, message: str, client_message_id: str | None = None
) -> dict[str, Any]:
    """Save a chat message and publish it on commit (contract 4.5); return it as clients receive it.

    A repeated `client_message_id` returns the first message with that id. Raises NotFound, Forbidden
    (`followers_only`, `muted`, `chat_disabled`), Conflict, RateLimited (10 messages a minute, or slow mode;
    neither applies to the host and moderators).
    """
    stream, can_moderate, is_muted = access.stream_access(actor, stream_id)
    states.require_allowed(stream, "chat")
    if client_message_id and (sent := _already_sent(stream, actor, client_message_id)):
        return chat_payload(sent)
    if is_muted:
        raise Forbidden(_("You are muted in this stream."), code=LivestreamErrorCode.MUTED)
    if not stream.enable_chat and stream.seller_id != actor.pk:
        raise Forbidden(_("The chat of this stream is turned off."), code=LivestreamErrorCode.CHAT_DISABLED)
    limit = nullcontext() if can_moderate else counted_action("stream_chat", actor.pk)
    try:
        with limit, transaction.atomic():
            if stream.slow_mode_seconds and not can_moderate:
                _check_slow_mode(access.lock_stream(stream.pk), actor)
            role = _author_role(stream, actor, can_moderate=can_moderate)
            saved = _insert_message(stream, actor, role, message, client_message_id or None)
            payload = events.publish_chat_message(saved)
            transaction.on_commit(partial(_cache_message, stream_id, saved.seq, payload), robust=True)
    except IntegrityError:
        # The client sent the same message again before the first request had finished.
        sent = _already_sent(stream, actor, client_message_id) if client_message_id else None
        if sent is None:
            raise
        return chat_payload(sent)
    return payload


# A single statement, to lock the stream's row as briefly as possible: every message in the stream needs it.
_INSERT_MESSAGE = """
WITH stream AS (
  UPDATE livestream_stream SET last_chat_seq = last_chat_seq + 1, chat_count = chat_count + 1
  WHERE id = %(stream)s AND status = 'live' RETURNING last_chat_seq
)
INSERT INTO livestream_chatmessage
  (id, stream_id, seq, user_id, author_role, message, client_message_id, created_at)
SELECT %(id)s, %(stream)s, last_chat_seq, %(user)s, %(role)s, %(message)s, %(client)s, %(now)s FROM stream
RETURNING seq
"""


def _author_role(stream: Stream, actor: User, *, can_moderate: bool) -> ChatMessage.AuthorRole:
    if actor.pk == stream.seller_id:
        return ChatMessage.AuthorRole.HOST
    return ChatMessage.AuthorRole.MODERATOR if can_moderate else ChatMessage.AuthorRole.VIEWER


def _insert_message(
    stream: Stream, actor: User, role: ChatMessage.AuthorRole, text: str, client_message_id: str | None
) -> ChatMessage:
    """Insert a message with the stream's next seq; raises Conflict when the stream has just ended."""
    message = ChatMessage(
        stream=stream,
        user=actor,
        author_role=role,
        message=text,
        client_message_id=client_message_id,
        created_at=database_now(),
    )
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT_MESSAGE,
            {
                "id": message.pk,
                "stream": stream.pk,
                "user": actor.pk,
                "role": role,
                "message": text,
                "client": client_message_id,
                "now": message.created_at,
            },
        )
        row = cursor.fetchone()
    if row is None:
        raise Conflict(_("This stream has ended."), code=LivestreamErrorCode.STREAM_NOT_LIVE)
    message.seq = row[0]
    return message


@transaction.atomic
def delete_message(*, actor: User, stream_id: UUID, message_id: UUID) -> None:
    """Hide a message from everyone except staff: the actor's own, or any as host, moderator or staff.

    Deleting a message again changes nothing. Raises NotFound, Forbidden, Conflict.
    """
    message = (
        ChatMessage.objects.select_related("user").filter(stream=stream_id, pk=message_id, user=actor).first()
    )
    if message is None:
        access.moderated_stream(actor, stream_id)
    stream = access.lock_stream(stream_id)
    states.require_allowed(stream, "delete_message")
    message = ChatMessage.objects.filter(stream=stream, pk=message_id).first()
    if message is None:
        raise NotFound(_("Message not found."), code=ChatErrorCode.MESSAGE_NOT_FOUND)
    _delete(stream, message, actor)


@transaction.atomic
def delete_message_by_staff(*, actor: User, message_id: UUID, reason: str) -> None:
    """Hide a message from everyone except staff, whatever the stream's status; the reason is logged."""
    message, stream = _message_for_staff(actor, message_id)
    _delete(stream, message, actor)
    log_staff_action(actor=actor, row=message, message=f"Deleted: {reason}")


@transaction.atomic
def mute_author_by_staff(*, actor: User, message_id: UUID, reason: str) -> None:
    """Mute a message's author in its stream; the reason is logged. Raises the errors of `mute_viewer`."""
    message, stream = _message_for_staff(actor, message_id)
    mute_viewer(actor=actor, stream_id=stream.pk, user_id=message.user_id)
    log_staff_action(actor=actor, row=message, message=f"Author muted: {reason}")


@transaction.atomic
def change_chat_rules(
    *, actor: User, stream_id: UUID, enable_chat: bool | None = None, slow_mode_seconds: int | None = None
) -> Stream:
    """Turn the chat on or off, and set slow mode: the seconds between a viewer's messages, 3 to 120, or 0.

    Raises NotFound, Forbidden, Conflict.
    """
    access.moderated_stream(actor, stream_id)
    stream = access.lock_stream(stream_id)
    states.require_allowed(stream, "moderate")
    if enable_chat is not None:
        stream.enable_chat = enable_chat
    if slow_mode_seconds is not None:
        stream.slow_mode_seconds = slow_mode_seconds
    stream.save(update_fields=["enable_chat", "slow_mode_seconds", "updated_at"])
    events.publish_chat_settings(stream)
    return stream


@transaction.atomic
def mute_viewer(*, actor: User, stream_id: UUID, user_id: UUID) -> None:
    """Forbid a viewer to write. Raises NotFound, Forbidden (`host_cannot_be_muted`), Conflict."""
    stream = access.moderated_stream(actor, stream_id)
    states.require_allowed(stream, "moderate")
    user = _active_user(user_id)
    if user.pk == stream.seller_id:
        raise Forbidden(_("The host cannot be muted."), code=LivestreamErrorCode.HOST_CANNOT_BE_MUTED)
    _mute, is_new = StreamMute.objects.get_or_create(stream=stream, user=user, defaults={"muted_by": actor})
    if is_new:
        events.publish_chat_muted(stream, user.pk, is_muted=True)


@transaction.atomic
def unmute_viewer(*, actor: User, stream_id: UUID, user_id: UUID) -> None:
    """Allow a muted viewer to write again. Raises NotFound, Forbidden, Conflict."""
    stream = access.moderated_stream(actor, stream_id)
    states.require_allowed(stream, "moderate")
    deleted, _ = StreamMute.objects.filter(stream=stream, user=user_id).delete()
    if deleted:
        events.publish_chat_muted(stream, user_id, is_muted=False)


@transaction.atomic
def add_moderator(*, actor: User, stream_id: UUID, user_id: UUID) -> None:
    """Make a user a moderator of the stream. Raises NotFound, Forbidden, ValidationFailed, Conflict.

    A person in a block with the host is not found.
    """
    stream = access.own_stream(actor, stream_id, lock=True)
    states.require_allowed(stream, "moderate")
    lock_pair(actor.pk, user_id)
    user = _active_user(user_id)
    if is_blocked_between(actor.pk, user.pk):
        raise NotFound(_("User not found."), code=AccountsErrorCode.USER_NOT_FOUND)
    if user.pk == actor.pk:
        raise ValidationFailed(details={"user_id": [_("The host is already a moderator.")]})
    if stream.moderators.count() >= settings.STREAM_MODERATORS_MAX:
        raise Conflict(
            ngettext_lazy(
                "A stream has at most %(limit)d moderator.",
                "A stream has at most %(limit)d moderators.",
                "limit",
            ),
            params={"limit": settings.STREAM_MODERATORS_MAX},
            code=LivestreamErrorCode.MODERATORS_LIMIT,
        )
    _moderator, is_new = StreamModerator.objects.get_or_create(stream=stream, user=user)
    if is_new:
        events.publish_chat_moderator(stream.pk, user.pk, is_moderator=True)


@transaction.atomic
def remove_moderator(*, actor: User, stream_id: UUID, user_id: UUID) -> None:
    """Remove a moderator from the stream. Raises NotFound, Forbidden, Conflict."""
    stream = access.own_stream(actor, stream_id, lock=True)
    states.require_allowed(stream, "moderate")
    deleted, _by_model = StreamModerator.objects.filter(stream=stream, user=user_id).delete()
    if deleted:
        events.publish_chat_moderator(stream.pk, user_id, is_moderator=False)


def remove_blocked_moderators(blocker_id: UUID, blocked_id: UUID) -> None:
    """End each person's role as a moderator of the other's streams; unblocking doesn't give it back."""
    for host_id, user_id in ((blocker_id, blocked_id), (blocked_id, blocker_id)):
        StreamModerator.objects.filter(stream__seller=host_id, user=user_id).delete()


def _delete(stream: Stream, message: ChatMessage, actor: User) -> None:
    if message.deleted_at is not None:
        return
    message.deleted_at = database_now()
    message.deleted_by = actor
    message.save(update_fields=["deleted_at", "deleted_by"])
    stream.chat_count -= 1
    stream.save(update_fields=["chat_count"])
    events.publish_chat_deleted(message)
    transaction.on_commit(partial(_refill_cache, stream.pk), robust=True)


def _message_for_staff(actor: User, message_id: UUID) -> tuple[ChatMessage, Stream]:
    if not actor.is_staff:
        raise Forbidden
    message = ChatMessage.objects.get(pk=message_id)
    stream = access.lock_stream(message.stream_id)
    message.refresh_from_db()
    return message, stream


def _active_user(user_id: UUID) -> User:
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None:
        raise NotFound(_("User not found."), code=AccountsErrorCode.USER_NOT_FOUND)
    return user


def _already_sent(stream: Stream, actor: User, client_message_id: str) -> ChatMessage | None:
    return (
        ChatMessage.objects.select_related("user")
        .filter(stream=stream, user=actor, client_message_id=client_message_id)
        .first()
    )


def _check_slow_mode(stream: Stream, actor: User) -> None:
    last = (
        ChatMessage.objects.filter(stream=stream, user=actor)
        .order_by("-created_at")
        .values_list("created_at", flat=True)
        .first()
    )
    if last is None:
        return
    wait = stream.slow_mode_seconds - (database_now() - last).total_seconds()
    if wait > 0:
        raise RateLimited(retry_after=int(wait) + 1)


def _cache_message(stream_id: UUID, seq: int, payload: dict[str, Any]) -> None:
    """Add a committed message to the latest chat in Redis."""
    try:
        if not live_counts.append_chat(stream_id, seq, jsonlib.dumps(payload)):
            _refill_cache(stream_id)
    except RedisError as error:
        logger.warning("caching message %s of stream %s failed: %s", seq, stream_id, error)


def _refill_cache(stream_id: UUID) -> None:
    newest = newest_messages(stream_id, settings.STREAM_CHAT_HISTORY)
    live_counts.replace_chat(stream_id, [jsonlib.dumps(message) for message in newest])
