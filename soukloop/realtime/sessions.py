"""Who is connected: the person behind a socket, the rooms it is in, and how it is closed from afar."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from soukloop.core import jsonlib
from soukloop.core.db.rows import user_by_id
from soukloop.core.errors import NotAuthenticated
from soukloop.realtime.publisher import publisher
from soukloop.realtime.rooms import user_room

FRESH = 1.0  # seconds; a ban closes sockets within two anyway


@dataclass(frozen=True)
class SocketUser:
    """Who a handshake's token or ticket says it is."""

    id: UUID
    username: str
    avatar_url: str | None
    token_version: int
    row: Any = field(compare=False, repr=False)  # as it was read now; the first command may go by it


@dataclass(frozen=True)
class Credentials:
    """What a handshake brought: an access token or a one-use ticket."""

    token: str | None = None
    ticket: str | None = None


class Connection(Protocol):
    """What a session needs of the hub; called from a command's thread."""

    @property
    def rooms(self) -> frozenset[str]: ...
    def join(self, room: str) -> None: ...
    def leave(self, room: str) -> None: ...
    def emit(self, event: str, data: dict[str, Any]) -> None: ...


class Session:
    """One connection of one person, as commands see it."""

    def __init__(self, connection_id: str, socket_user: SocketUser, connection: Connection) -> None:
        self.connection_id = connection_id
        self.socket_user = socket_user
        self.user_id = socket_user.id
        self.state: dict[str, Any] = {}  # what an app wants to remember as long as the connection lasts
        self._connection = connection
        self._user: Any = socket_user.row
        self._is_fresh_until = time.monotonic() + FRESH

    @property
    def username(self) -> str:
        return self.socket_user.username

    @property
    def user(self) -> Any:
        """The person's row, read once per command; raises NotAuthenticated once banned or deleted.

        Whoever connects to join a room does it at once: then the handshake's read serves the join as well.
        """
        if self._user is None:
            user = user_by_id(self.user_id)
            if user is None or not user.is_active:
                raise NotAuthenticated
            self._user = user
        return self._user

    def forget_user(self) -> None:
        """Have the row read again, unless it is the handshake's and was read a moment ago."""
        if time.monotonic() >= self._is_fresh_until:
            self._user = None
        self._is_fresh_until = 0.0

    @property
    def rooms(self) -> frozenset[str]:
        return self._connection.rooms

    def join(self, room: str) -> None:
        """Be in the room from now on: what is published after this call returns is received.

        So join first, then read the history: nothing falls between the two.
        """
        self._connection.join(room)

    def leave(self, room: str) -> None:
        """Leave the room, if in it; what apps registered by `on_left` runs before this returns."""
        self._connection.leave(room)

    def emit(self, event: str, data: dict[str, Any]) -> None:
        """Send a declared event to this connection alone."""
        self._connection.emit(event, data)


def authenticate(credentials: Sequence[Credentials]) -> list[SocketUser | Exception]:
    """Ask the app that knows people who each of these is; an exception says why somebody is nobody."""
    hook: Callable[[Sequence[Credentials]], list[SocketUser | Exception]] = import_string(
        settings.SOCKET_AUTHENTICATOR
    )
    return hook(credentials)


def close_user_sessions_on_commit(user_id: UUID | str, reason: str) -> None:
    """Close every socket of this person, in every process, once the transaction has committed."""
    room = user_room(user_id)
    message = {"type": "close", "room": room, "reason": reason}
    transaction.on_commit(partial(publisher.send, room, message), robust=True)


def put_out_on_commit(user_id: UUID | str, room: str, event: str, data: dict[str, Any]) -> None:
    """Take this person's connections, in every process, out of a room once the transaction has committed.

    Those that were in it are sent the declared event; what apps registered by `on_left` runs. Sent by the
    person's own room, which a connection is in before it can come into any other.
    """
    own = user_room(user_id)
    message = {"type": "leave", "room": own, "from": room, "event": event, "data": jsonlib.dumps(data)}
    transaction.on_commit(partial(publisher.send, own, message), robust=True)
