"""What clients do in the room of a stream over a socket (contract 4.4 to 4.6)."""

from typing import Any
from uuid import UUID

from livestream import access
from livestream.events import CHAT_MESSAGE, STREAM_JOINED, STREAM_LEFT
from livestream.rooms import STREAM_ROOMS, stream_room
from livestream.selectors import rooms as room_reads
from livestream.serializers.inputs import ChatCommand, JoinCommand, ReactionCommand, StreamCommand
from livestream.services import chat, reactions, rooms
from soukloop.realtime.commands import command
from soukloop.realtime.sessions import Session

_EXAMPLE = {"stream_id": STREAM_JOINED.example["streamId"]}
_HOSTED = "hosted_streams"


@command(
    "stream:join", input=JoinCommand, example=_EXAMPLE | {"afterSeq": 400}, ack_example=STREAM_JOINED.example
)
def join(session: Session, data: dict[str, Any]) -> dict[str, Any]:
    """Come in to watch a live stream. `afterSeq`: the last message you know of, after a lost connection."""
    stream_id: UUID = data["stream_id"]
    stream = rooms.enter(actor=session.user, stream_id=stream_id, connection_id=session.connection_id)
    if stream.seller_id == session.user_id:
        session.state.setdefault(_HOSTED, set()).add(stream_room(stream_id))
    try:
        session.join(stream_room(stream_id))
    except Exception:
        gone(session, stream_room(stream_id))
        raise
    # Read once in the room: what is said from here on arrives by itself.
    history = room_reads.history(stream, after_seq=data["after_seq"])
    joined = {
        "streamId": stream.pk,
        "viewerCount": stream.viewer_count,
        "status": stream.status,
        "history": history.messages,
        "lastSeq": history.last_seq,
        "resync": history.is_too_long,
    }
    session.emit(STREAM_JOINED.name, joined)
    return joined


@command("stream:leave", input=StreamCommand, example=_EXAMPLE)
def leave(session: Session, data: dict[str, Any]) -> None:
    """Stop watching."""
    session.leave(stream_room(data["stream_id"]))


@command(
    "stream:chat",
    input=ChatCommand,
    example=_EXAMPLE | {"message": "This is amazing! 🔥", "clientMessageId": "phone-17"},
    ack_example=CHAT_MESSAGE.example,
)
def say(session: Session, data: dict[str, Any]) -> dict[str, Any]:
    """Write in a stream's chat: 10 messages a minute at most. Committed before it is acknowledged.

    The same `clientMessageId` twice is one message, so send again whatever wasn't acknowledged.
    """
    return chat.post_message(actor=session.user, **data)


@command(
    "stream:reaction",
    input=ReactionCommand,
    rate_scope="stream_reaction",
    example=_EXAMPLE | {"emoji": "❤️"},
    ack_example={"streamId": _EXAMPLE["stream_id"], "emoji": "❤️", "total": 450},
)
def react(session: Session, data: dict[str, Any]) -> dict[str, Any]:
    """Send one of the emoji that streams know; `total` is how often it was sent in this stream."""
    total = reactions.react(actor=session.user, **data)
    return {"streamId": data["stream_id"], "emoji": data["emoji"], "total": total}


@STREAM_ROOMS.left.register
def gone(session: Session, room: str) -> None:
    hosted = session.state.get(_HOSTED, set())
    if room in hosted:
        hosted.discard(room)
        return
    rooms.leave(
        stream_id=STREAM_ROOMS.row_id(room), user_id=session.user_id, connection_id=session.connection_id
    )


@STREAM_ROOMS.heartbeat.register
def alive(members: dict[str, list[Session]]) -> None:
    viewers = {
        room: [session for session in sessions if room not in session.state.get(_HOSTED, set())]
        for room, sessions in members.items()
    }
    rooms.stay(
        {
            STREAM_ROOMS.row_id(room): [(session.user_id, session.connection_id) for session in sessions]
            for room, sessions in viewers.items()
        }
    )
    for room, sessions in viewers.items():
        _see_out(room, sessions)


def _see_out(room: str, sessions: list[Session]) -> None:
    """Take out who was blocked, or stopped following, while Redis could not say so."""
    stream_id = STREAM_ROOMS.row_id(room)
    unwelcome = access.unwelcome_among(stream_id, [session.user_id for session in sessions])
    for session in sessions:
        if session.user_id in unwelcome and room in session.rooms:
            session.leave(room)
            session.emit(STREAM_LEFT.name, {"streamId": stream_id, "reason": unwelcome[session.user_id]})
