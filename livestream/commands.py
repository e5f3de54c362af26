"""Socket commands of live streams: join, leave, chat, react (contract 4.4 to 4.6)."""

from typing import Any
from uuid import UUID

from django.conf import settings
from rest_framework import serializers

from livestream import access
from livestream.events import CHAT_MESSAGE, STREAM_JOINED, STREAM_LEFT
from livestream.rooms import STREAM_ROOMS, stream_room
from livestream.selectors.broadcasts import broadcast_state
from livestream.selectors.chat import chat_history
from livestream.serializers.inputs import ChatInput, JoinInput, ReactionInput, StreamIdInput
from livestream.services import chat, reactions, viewers
from soukloop.realtime.commands import command
from soukloop.realtime.sessions import Session

_EXAMPLE = {"stream_id": STREAM_JOINED.example["streamId"]}
_HOSTED_ROOMS = "hosted_rooms"  # key of `session.state`: the rooms of the streams that this user hosts


class ReactionTotalOutput(serializers.Serializer[None]):
    streamId = serializers.UUIDField()
    emoji = serializers.ChoiceField(choices=settings.STREAM_REACTIONS)
    total = serializers.IntegerField(min_value=1)


@command(
    "stream:join",
    input=JoinInput,
    ack=STREAM_JOINED.output,
    example=_EXAMPLE | {"after_seq": 400},
    ack_example=STREAM_JOINED.example,
    for_guests=True,
)
def join(session: Session, data: dict[str, Any]) -> dict[str, Any]:
    """Join a live stream. To catch up after a lost connection, send your last `seq` as `after_seq`.

    Guests join streams for everyone. They get its events, but not who joins and leaves.
    """
    stream_id: UUID = data["stream_id"]
    actor = session.user_or_none
    stream = viewers.join_stream(actor=actor, stream_id=stream_id, connection_id=session.connection_id)
    if stream.seller_id == session.user_id_or_none:
        session.state.setdefault(_HOSTED_ROOMS, set()).add(stream_room(stream_id))
    try:
        session.join(stream_room(stream_id))
        # Again, because nobody in the room was told of a change between the first check and the joining.
        viewers.check_may_join(actor, stream_id)
    except Exception:
        _leave(session, stream_room(stream_id))
        raise
    # Read after joining the room: later messages arrive as events.
    history = chat_history(stream, after_seq=data["after_seq"])
    broadcast = broadcast_state(stream)
    joined = {
        "streamId": stream.pk,
        "viewerCount": stream.viewer_count,
        "status": stream.status,
        "history": history.messages,
        "lastSeq": history.last_seq,
        "resync": history.needs_resync,
        "hasPicture": broadcast.has_picture,
        "reconnectBy": broadcast.reconnect_by,
    }
    session.emit(STREAM_JOINED.name, joined)
    return joined


@command("stream:leave", input=StreamIdInput, example=_EXAMPLE, for_guests=True)
def leave(session: Session, data: dict[str, Any]) -> None:
    """Leave a stream."""
    session.leave(stream_room(data["stream_id"]))


def _leave(session: Session, room: str) -> None:
    """Undo a join, whether or not the connection has entered the room."""
    if room in session.rooms:
        session.leave(room)
    else:
        on_stream_left(session, room)


@command(
    "stream:chat",
    input=ChatInput,
    ack=CHAT_MESSAGE.output,
    example=_EXAMPLE | {"message": "This is amazing! 🔥", "client_message_id": "phone-17"},
    ack_example=CHAT_MESSAGE.example | {"clientMessageId": "phone-17"},
)
def send_chat_message(session: Session, data: dict[str, Any]) -> dict[str, Any]:
    """Write in a stream's chat, at most 10 messages a minute. Messages are saved before the acknowledgement.

    Resend a message that wasn't acknowledged: the same `client_message_id` is saved only once.
    """
    return chat.post_message(actor=session.user, **data)


@command(
    "stream:reaction",
    input=ReactionInput,
    ack=ReactionTotalOutput,
    rate_scope="stream_reaction",
    example=_EXAMPLE | {"emoji": "❤️"},
    ack_example={"streamId": _EXAMPLE["stream_id"], "emoji": "❤️", "total": 450},
)
def send_reaction(session: Session, data: dict[str, Any]) -> dict[str, Any]:
    """Send one of the allowed emoji. `total` counts how often it was sent in this stream.

    An acknowledged reaction is counted, but not stored at once as a message is: if Redis loses its memory,
    those of the last 5 seconds are not in the totals.
    """
    total = reactions.send_reaction(actor=session.user, **data)
    return {"streamId": data["stream_id"], "emoji": data["emoji"], "total": total}


@STREAM_ROOMS.left.register
def on_stream_left(session: Session, room: str) -> None:
    hosted = session.state.get(_HOSTED_ROOMS, set())
    if room in hosted:
        hosted.discard(room)
        return
    viewers.leave_stream(
        stream_id=STREAM_ROOMS.row_id(room),
        user_id=session.user_id_or_none,
        connection_id=session.connection_id,
    )


@STREAM_ROOMS.heartbeat.register
def on_stream_heartbeat(members: dict[str, list[Session]]) -> None:
    viewer_sessions = {
        room: [session for session in sessions if room not in session.state.get(_HOSTED_ROOMS, set())]
        for room, sessions in members.items()
    }
    viewers.refresh_viewers(
        {
            STREAM_ROOMS.row_id(room): [
                (session.user_id_or_none, session.connection_id) for session in sessions
            ]
            for room, sessions in viewer_sessions.items()
        }
    )
    for room, sessions in viewer_sessions.items():
        _remove_disallowed(room, sessions)


def _remove_disallowed(room: str, sessions: list[Session]) -> None:
    """Remove viewers who were blocked or stopped following while Redis couldn't deliver the removal.

    And guests of a stream that is no longer for everyone.
    """
    stream_id = STREAM_ROOMS.row_id(room)
    user_ids = [session.user_id for session in sessions if not session.is_guest]
    reasons = access.no_longer_allowed(stream_id, user_ids)
    has_guests = len(user_ids) < len(sessions)
    refusal_of_guests = access.refusal_of_guests(stream_id) if has_guests else None
    for session in sessions:
        reason = refusal_of_guests if session.is_guest else reasons.get(session.user_id)
        if reason is not None and room in session.rooms:
            session.leave(room)
            session.emit(STREAM_LEFT.name, {"streamId": stream_id, "reason": reason})
