"""Sessions: socket connections as commands see them; and closing a user's connections from any process."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from soukloop.core import jsonlib
from soukloop.core.db.rows import user_by_id
from soukloop.core.error_codes import CoreErrorCode
from soukloop.core.errors import NotAuthenticated
from soukloop.realtime.error_codes import RealtimeErrorCode
from soukloop.realtime.outbox import send_on_commit
from soukloop.realtime.publisher import publisher
from soukloop.realtime.rooms import user_room

USER_FRESH_SECONDS = 1.0  # a ban closes sockets within two seconds in any case


@dataclass(frozen=True)
class SocketUser:
    """The user of a handshake's token or ticket, and the login that the socket belongs to."""

    id: UUID
    username: str
    avatar_url: str | None
    token_version: int
    row: Any = field(compare=False, repr=False)  # read for the handshake; reused by a first command
    family_id: str | None = None  # the login whose end closes the connection
    language: str = "en"  # of errors and other texts


@dataclass(frozen=True)
class Guest:
    """Who connected without a token: who is limited by address."""

    address: str
    language: str = "en"


Visitor = SocketUser | Guest


@dataclass(frozen=True)
class Attention:
    """What a connection's user has on the screen; `version` grows with each change (see `attention`)."""

    version: int = 0
    is_foreground: bool = False
    rooms: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Credentials:
    """The credentials of a handshake: an access token or a one-use ticket."""

    token: str | None = None
    ticket: str | None = None


def is_closed_by(user: SocketUser, message: dict[str, Any]) -> bool:
    """Return whether a message of `close_user_sessions_on_commit` closes a socket of this user."""
    family, version = message.get("family"), message.get("before_version")
    return (family is None or family == user.family_id) and (version is None or user.token_version < version)


class Connection(Protocol):
    """What a session needs of its connection; called from a command's thread."""

    @property
    def rooms(self) -> frozenset[str]: ...
    def join(self, room: str) -> None: ...
    def leave(self, room: str) -> None: ...
    def emit(self, event: str, data: dict[str, Any]) -> None: ...


class Session:
    """One connection of one user, or of a guest, as commands see it.

    A guest has no user: `user`, `user_id`, `username` and `socket_user` raise NotAuthenticated.
    """

    def __init__(self, connection_id: str, visitor: Visitor, connection: Connection) -> None:
        self.connection_id = connection_id
        self.visitor = visitor
        self.state: dict[str, Any] = {}  # for apps, while the connection is open
        self.attention = Attention()
        self._connection = connection
        self._user: Any = None if isinstance(visitor, Guest) else visitor.row
        self._fresh_until = time.monotonic() + USER_FRESH_SECONDS

    @property
    def is_guest(self) -> bool:
        return isinstance(self.visitor, Guest)

    @property
    def socket_user(self) -> SocketUser:
        if isinstance(self.visitor, Guest):
            raise NotAuthenticated(code=RealtimeErrorCode.UNAUTHORIZED)
        return self.visitor

    @property
    def user_id(self) -> UUID:
        return self.socket_user.id

    @property
    def user_id_or_none(self) -> UUID | None:
        """The user's id, or None for a guest."""
        return None if isinstance(self.visitor, Guest) else self.visitor.id

    @property
    def user_or_none(self) -> Any:
        """The user's row as `user` returns it, or None for a guest."""
        return None if self.is_guest else self.user

    @property
    def username(self) -> str:
        return self.socket_user.username

    @property
    def user(self) -> Any:
        """The user's row, read once per command; raises NotAuthenticated if all the user's logins have ended.

        A command right after the handshake, usually a join, uses the row that the handshake read.
        """
        if self._user is None:
            user = user_by_id(self.user_id)
            if user is None or not user.is_active or user.token_version != self.socket_user.token_version:
                raise NotAuthenticated(
                    _("This session has ended. Log in again."), code=CoreErrorCode.TOKEN_REVOKED
                )
            self._user = user
        return self._user

    def forget_user(self) -> None:
        """Read the row again when it is next used, unless the handshake read it less than a second ago."""
        if time.monotonic() >= self._fresh_until:
            self._user = None
        self._fresh_until = 0.0

    @property
    def rooms(self) -> frozenset[str]:
        return self._connection.rooms

    def join(self, room: str) -> None:
        """Join the room: the connection receives everything published after this call returns.

        Join first, then read the history, so that no event is missed in between.
        """
        self._connection.join(room)

    def leave(self, room: str) -> None:
        """Leave the room, if in it; the room kind's leave hooks are called before this returns."""
        self._connection.leave(room)

    def emit(self, event: str, data: dict[str, Any]) -> None:
        """Send a declared event to this connection alone."""
        self._connection.emit(event, data)


def authenticate(credentials: Sequence[Credentials]) -> list[SocketUser | Exception]:
    """Return, for each of these credentials, their user, or an exception if they are not accepted."""
    authenticator: Callable[[Sequence[Credentials]], list[SocketUser | Exception]] = import_string(
        settings.SOCKET_AUTHENTICATOR
    )
    return authenticator(credentials)


def close_user_sessions_on_commit(
    user_id: UUID | str, reason: str, *, family_id: UUID | None = None, before_version: int | None = None
) -> None:
    """Close the sockets of this user, in every process, once the transaction has committed.

    Only those of one login, if `family_id` is given, and only those of earlier token versions, if
    `before_version` is: a message that arrives late must not close the socket of a new login. Processes that
    do not receive the message close them after their next check (`session_checks`).
    """
    room = user_room(user_id)
    message: dict[str, Any] = {"type": "close", "room": room, "reason": reason}
    message |= {"family": family_id and str(family_id), "before_version": before_version}
    # Not through the outbox, because the check makes up for a lost message.
    transaction.on_commit(partial(publisher.send, room, message), robust=True)


def remove_from_room_on_commit(user_id: UUID | str, room: str, event: str, data: dict[str, Any]) -> None:
    """Remove this user's connections from a room, in every process, once the transaction has committed.

    Connections that were in it receive the declared event, and the room kind's leave hooks are called. The
    request is published to the user's own room, because a connection joins that before any other.
    """
    own_room = user_room(user_id)
    message = {"type": "leave", "room": own_room, "from": room, "event": event, "data": jsonlib.dumps(data)}
    send_on_commit(own_room, message)


def check_rooms_on_commit(room: str, kind: str) -> None:
    """Call a room kind's heartbeat hook for the connections in `room`, once the transaction has committed.

    In every process, for their rooms of that kind: the hook removes connections that may no longer be in one.
    If the message is lost, the next heartbeat does it.
    """
    send_on_commit(room, {"type": "check", "room": room, "kind": kind})
