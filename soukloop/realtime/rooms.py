"""The registry of room kinds; apps declare them in `rooms.py`. A room's members receive its events."""

from typing import TYPE_CHECKING
from uuid import UUID

from soukloop.core.hooks import Hook

if TYPE_CHECKING:
    from soukloop.realtime.sessions import Session


class RoomKind:
    """A kind of room: how its rooms are named, and hooks for the app that declares it.

    `description` says who is in such a room; docs/events.md shows it after "To:". With `tracks_attention`,
    Redis knows who is in such a room (`attention`).
    """

    def __init__(self, name: str, description: str, *, tracks_attention: bool = False) -> None:
        self.name = name
        self.description = description
        self.tracks_attention = tracks_attention

        self.left: Hook[[Session, str], None] = Hook()
        """`callback(session, room)`: a connection has left a room of this kind, or was closed.

        Called on a thread. Not called when the process is killed, so anything that must end even then relies
        on heartbeats.
        """

        self.heartbeat: Hook[[dict[str, list[Session]]], None] = Hook()
        """`callback({room: [session, …]})`: these connections are open and in these rooms.

        Called on a thread, every SOCKET_HEARTBEAT, in several calls that together cover all connections of
        this process.
        """

    def room(self, row_id: UUID | str) -> str:
        """Return the name of a row's room. The separator is a dot, because Channels doesn't allow colons."""
        return f"{self.name}.{row_id}"

    def row_id(self, room: str) -> UUID:
        """Return the id of the row whose room it is."""
        return UUID(room.partition(".")[2])


ROOM_KINDS: dict[str, RoomKind] = {}


def declare_room_kind(name: str, description: str, *, tracks_attention: bool = False) -> RoomKind:
    """Add a kind of room to the registry; called in an app's `rooms.py`."""
    if name in ROOM_KINDS:
        raise ValueError(f"The room kind {name} is declared twice")
    kind = ROOM_KINDS[name] = RoomKind(name, description, tracks_attention=tracks_attention)
    return kind


def kind_of(room: str) -> RoomKind | None:
    """Return the kind of a room, or None if no app has declared it."""
    return ROOM_KINDS.get(room.partition(".")[0])


USER_ROOMS = declare_room_kind("user", "each connection of the user")


def user_room(user_id: UUID | str) -> str:
    """Return the room that all connections of a user are in, from the handshake on."""
    return USER_ROOMS.room(user_id)
