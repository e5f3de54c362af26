"""Commands that clients send: declared once in each app's `commands.py`, dispatched for both transports."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from rest_framework.serializers import Serializer

from soukloop.realtime.sessions import Session

Handler = Callable[[Session, dict[str, Any]], dict[str, Any] | None]
LeftHook = Callable[[Session, str], None]
HeartbeatHook = Callable[[dict[str, list[Session]]], None]


class CommandInput(Serializer[None]):
    """The shape of a command's data; names may come as in REST (`after_seq`) or as in events (`afterSeq`)."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        known = {_camel(name): name for name, _ in self.fields.items()}
        as_declared = {known.get(name, name): value for name, value in data.items()}
        return cast(dict[str, Any], super().to_internal_value(as_declared))


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


@dataclass(frozen=True)
class Command:
    """A command's name, the shape of its data, who answers it, how often one person may send it."""

    name: str
    input: type[Serializer[Any]] | None
    handler: Handler
    rate_scope: str | None
    example: dict[str, Any]
    ack_example: dict[str, Any] | None

    @cached_property
    def shape(self) -> Serializer[Any] | None:
        """What checks the data: made once, because copying its fields cost a tenth of a command."""
        return self.input() if self.input is not None else None

    @property
    def doc(self) -> str:
        return (self.handler.__doc__ or "").strip()


COMMANDS: dict[str, Command] = {}
LEFT_HOOKS: dict[str, list[LeftHook]] = {}
HEARTBEAT_HOOKS: dict[str, list[HeartbeatHook]] = {}


def command(
    name: str,
    *,
    input: type[Serializer[Any]] | None,
    example: dict[str, Any],
    ack_example: dict[str, Any] | None = None,
    rate_scope: str | None = None,
) -> Callable[[Handler], Handler]:
    """Register a plain function `(session, data) -> dict | None` as what answers the command.

    It runs on a thread with a database connection of its own, so it calls services as a view would. `data` is
    what the serializer made of the client's; what it returns is the acknowledgement's `data`; the errors it
    raises are told to the client as REST would tell them. Its docstring is what docs/events.md says of it.
    """

    def register(handler: Handler) -> Handler:
        if name in COMMANDS:
            raise ValueError(f"The command {name} is declared twice")
        COMMANDS[name] = Command(name, input, handler, rate_scope, example, ack_example)
        return handler

    return register


def on_left(kind: str) -> Callable[[LeftHook], LeftHook]:
    """Register `(session, room) -> None`, called on a thread when a connection has left a room of this kind.

    By `session.leave`, by a disconnect of any sort; not when the process is killed: what must end then hangs
    on heartbeats.
    """

    def register(hook: LeftHook) -> LeftHook:
        LEFT_HOOKS.setdefault(kind, []).append(hook)
        return hook

    return register


def on_heartbeat(kind: str) -> Callable[[HeartbeatHook], HeartbeatHook]:
    """Register `(members: {room: [session, …]}) -> None`, called on a thread every SOCKET_HEARTBEAT.

    It is given this process's members of all rooms of the kind, so that scores in Redis can say who is alive.
    """

    def register(hook: HeartbeatHook) -> HeartbeatHook:
        HEARTBEAT_HOOKS.setdefault(kind, []).append(hook)
        return hook

    return register
