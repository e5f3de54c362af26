"""A stream's chat: what is said in it, and how it is kept in order."""

import logging
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from redis.exceptions import RedisError

from accounts.models import User
from livestream import access, events, live_counts, states
from livestream.models import ChatMessage, Stream, StreamModerator, StreamMute
from livestream.selectors import rooms
from soukloop.core import jsonlib
from soukloop.core.errors import Conflict, Forbidden, NotFound, RateLimited, ValidationFailed
from soukloop.core.redis import rate_limits
from soukloop.core.staff.history import log_staff_action

logger = logging.getLogger(__name__)


def post_message(
    *, actor: User, stream_id: UUID, message: str, client_message_id: str | None = None
) -> dict[str, Any]:
    """Say something in a live stream (contract 4.5) and return what everybody is told, once it is committed.

    The same `client_message_id` again is the same message. Raises NotFound, Forbidden (`followers_only`,
    `muted`, `chat_disabled`), Conflict, RateLimited: 10 a minute, or slow mode; not for host and moderators.
    """
    room = access.room_of(actor, stream_id)
    states.check(room.stream, "chat")
    if client_message_id and (sent := _already_sent(room.stream, actor, client_message_id)):
        return rooms.chat_payload(sent)
    if room.is_muted:
        raise Forbidden("You may not write in this stream.", code="muted")
    if not room.stream.enable_chat and room.stream.seller_id != actor.pk:
        raise Forbidden("The chat is switched off.", code="chat_disabled")
    if not room.is_trusted:
        rate_limits.hit_user("stream_chat", actor.pk)
    try:
        with transaction.atomic():
            if room.stream.slow_mode_seconds and not room.is_trusted:
                _check_slow_mode(access.locked_stream(room.stream.pk), actor)
            said = _append(room.stream, actor, message, client_message_id or None)
            payload = events.chat_message(said)
            transaction.on_commit(partial(_keep, stream_id, said.seq, payload), robust=True)
    except IntegrityError:
        # The same message on its other way: a phone that sent it again before the first was answered.
        sent = _already_sent(room.stream, actor, client_message_id) if client_message_id else None
        if sent is None:
            raise
        return rooms.chat_payload(sent)
    return payload


# One statement, so that the stream's row is held for as short as can be: all who write in it wait for it.
_APPEND = """
WITH stream AS (
  UPDATE livestream_stream SET last_chat_seq = last_chat_seq + 1, chat_count = chat_count + 1
  WHERE id = %(stream)s AND status = 'live' RETURNING last_chat_seq
)
INSERT INTO livestream_chatmessage (id, stream_id, seq, user_id, message, client_message_id, created_at)
SELECT %(id)s, %(stream)s, last_chat_seq, %(user)s, %(message)s, %(client)s, %(now)s FROM stream
RETURNING seq
"""


def _append(stream: Stream, actor: User, text: str, client_message_id: str | None) -> ChatMessage:
    """Write a message under the stream's next seq; raises Conflict when the stream is over by now."""
    message = ChatMessage(
        stream=stream,
        user=actor,
        message=text,
        client_message_id=client_message_id,
        created_at=timezone.now(),
    )
    with connection.cursor() as cursor:
        cursor.execute(
            _APPEND,
            {
                "id": message.pk,
                "stream": stream.pk,
                "user": actor.pk,
                "message": text,
                "client": client_message_id,
                "now": message.created_at,
            },
        )
        row = cursor.fetchone()
    if row is None:
        raise Conflict("This stream is over.", code="stream_not_live")
    message.seq = row[0]
    return message


@transaction.atomic
def delete_message(*, actor: User, stream_id: UUID, message_id: UUID) -> None:
    """Take a message out of everybody's sight: one's own, or any as host, moderator or staff.

    Deleting it again changes nothing. Raises NotFound, Forbidden.
    """
    message = (
        ChatMessage.objects.select_related("user").filter(stream=stream_id, pk=message_id, user=actor).first()
    )
    if message is None:
        access.moderated_stream(actor, stream_id)
    stream = access.locked_stream(stream_id)
    states.check(stream, "delete_message")
    message = ChatMessage.objects.filter(stream=stream, pk=message_id).first()
    if message is None:
        raise NotFound("There is no such message.", code="message_not_found")
    _delete(stream, message, actor)


@transaction.atomic
def delete_by_staff(*, actor: User, message_id: UUID, reason: str) -> None:
    """Take a message out of everybody's sight, whatever its stream's state; staff's reason is kept."""
    message, stream = _message_for_staff(actor, message_id)
    _delete(stream, message, actor)
    log_staff_action(actor=actor, row=message, message=f"Deleted: {reason}")


@transaction.atomic
def mute_by_staff(*, actor: User, message_id: UUID, reason: str) -> None:
    """Keep a message's author from writing in its stream. Raises as `mute`."""
    message, stream = _message_for_staff(actor, message_id)
    mute(actor=actor, stream_id=stream.pk, user_id=message.user_id)
    log_staff_action(actor=actor, row=message, message=f"Author muted: {reason}")


@transaction.atomic
def change_rules(
    *, actor: User, stream_id: UUID, enable_chat: bool | None = None, slow_mode_seconds: int | None = None
) -> Stream:
    """Switch the chat on or off, or slow it down: 0, or 3 to 120 seconds between two messages of one viewer.

    Raises NotFound, Forbidden, Conflict.
    """
    access.moderated_stream(actor, stream_id)
    stream = access.locked_stream(stream_id)
    states.check(stream, "moderate")
    if enable_chat is not None:
        stream.enable_chat = enable_chat
    if slow_mode_seconds is not None:
        stream.slow_mode_seconds = slow_mode_seconds
    stream.save(update_fields=["enable_chat", "slow_mode_seconds", "updated_at"])
    events.chat_settings(stream)
    return stream


@transaction.atomic
def mute(*, actor: User, stream_id: UUID, user_id: UUID) -> None:
    """Let somebody watch and not write. Raises NotFound, Forbidden (the host can't be muted), Conflict."""
    stream = access.moderated_stream(actor, stream_id)
    states.check(stream, "moderate")
    person = _person(user_id)
    if person.pk == stream.seller_id:
        raise Forbidden("The host can't be muted.", code="host_cannot_be_muted")
    _, is_new = StreamMute.objects.get_or_create(stream=stream, user=person, defaults={"muted_by": actor})
    if is_new:
        events.chat_muted(stream, person.pk, is_muted=True)


@transaction.atomic
def unmute(*, actor: User, stream_id: UUID, user_id: UUID) -> None:
    """Let somebody write again. Raises NotFound, Forbidden, Conflict."""
    stream = access.moderated_stream(actor, stream_id)
    states.check(stream, "moderate")
    deleted, _ = StreamMute.objects.filter(stream=stream, user=user_id).delete()
    if deleted:
        events.chat_muted(stream, user_id, is_muted=False)


@transaction.atomic
def name_moderator(*, actor: User, stream_id: UUID, user_id: UUID) -> None:
    """Trust a viewer with the chat; the host alone does this. Raises NotFound, Forbidden, Conflict."""
    stream = access.own_stream(actor, stream_id, lock=True)
    states.check(stream, "moderate")
    person = _person(user_id)
    if person.pk == actor.pk:
        raise ValidationFailed(details={"user_id": ["You are the host."]})
    if stream.moderators.count() >= settings.STREAM_MODERATORS_MAX:
        raise Conflict(
            f"A stream has at most {settings.STREAM_MODERATORS_MAX} moderators.", code="moderators_limit"
        )
    StreamModerator.objects.get_or_create(stream=stream, user=person)


@transaction.atomic
def dismiss_moderator(*, actor: User, stream_id: UUID, user_id: UUID) -> None:
    """Undo `name_moderator`. Raises NotFound, Forbidden, Conflict."""
    stream = access.own_stream(actor, stream_id, lock=True)
    states.check(stream, "moderate")
    StreamModerator.objects.filter(stream=stream, user=user_id).delete()


def _delete(stream: Stream, message: ChatMessage, actor: User) -> None:
    if message.deleted_at is not None:
        return
    message.deleted_at = timezone.now()
    message.deleted_by = actor
    message.save(update_fields=["deleted_at", "deleted_by"])
    stream.chat_count -= 1
    stream.save(update_fields=["chat_count"])
    events.chat_deleted(message)
    transaction.on_commit(partial(_refill, stream.pk), robust=True)


def _message_for_staff(actor: User, message_id: UUID) -> tuple[ChatMessage, Stream]:
    if not actor.is_staff:
        raise Forbidden
    message = ChatMessage.objects.get(pk=message_id)
    stream = access.locked_stream(message.stream_id)
    message.refresh_from_db()
    return message, stream


def _person(user_id: UUID) -> User:
    person = User.objects.filter(pk=user_id, is_active=True).first()
    if person is None:
        raise NotFound("There is no such person.", code="user_not_found")
    return person


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
    wait = stream.slow_mode_seconds - (timezone.now() - last).total_seconds()
    if wait > 0:
        raise RateLimited(retry_after=int(wait) + 1)


def _keep(stream_id: UUID, seq: int, payload: dict[str, Any]) -> None:
    """Put a committed message into Redis' list of the last ones."""
    try:
        if not live_counts.said(stream_id, seq, jsonlib.dumps(payload)):
            _refill(stream_id)
    except RedisError as error:
        logger.warning("chat of stream %s not kept in Redis: %s", stream_id, error)


def _refill(stream_id: UUID) -> None:
    newest = rooms.newest_messages(stream_id, settings.STREAM_CHAT_HISTORY)
    live_counts.refill_chat(stream_id, [jsonlib.dumps(message) for message in newest])
