"""The registry of events; apps declare theirs in `events.py`, and publish them to rooms."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import transaction
from rest_framework.serializers import Serializer

from soukloop.core import jsonlib
from soukloop.core.http.requests import request_id
from soukloop.realtime.outbox import send_on_commit
from soukloop.realtime.publisher import publisher


@dataclass(frozen=True)
class Merge:
    """How to merge an event that is published more than `per_second` times a second in a room.

    Further events are held until the end of the tick (SOCKET_TICK); then `combine` turns their data into
    fewer events, or none.
    """

    per_second: int
    combine: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]


@dataclass(frozen=True)
class EventSpec:
    """An event: its name, its description for docs/events.md, the shape of its data, an example, its rooms.

    `rooms` are names of declared room kinds, or ANY_ROOM. `ephemeral` events, which are of no use a minute
    later (typing, reactions, counts), are the first to be dropped for a client that reads too slowly. Who
    isn't logged in gets the events `for_guests` alone: what people do for everybody to see, and not, for
    example, who is watching.
    """

    name: str
    doc: str
    output: type[Serializer[Any]]
    example: dict[str, Any]
    rooms: tuple[str, ...] = ("user",)
    ephemeral: bool = False
    merge: Merge | None = None
    for_guests: bool = False


ANY_ROOM = ("*",)
EVENTS: dict[str, EventSpec] = {}


def declare_event(spec: EventSpec) -> EventSpec:
    """Add an event to the registry; called in an app's `events.py`."""
    if EVENTS.setdefault(spec.name, spec) != spec:
        raise ValueError(f"The event {spec.name} is declared twice")
    return spec


def publish(room: str, event: str, data: dict[str, Any]) -> None:
    """Send an event to a room's members in every process, now; for events that depend on no transaction.

    May be called from any thread and from the event loop. Never waits, and does not fail while Redis is
    unavailable: clients fetch lost messages again by their seq. Raises LookupError for an undeclared event.
    """
    publisher.send(room, _message(room, event, data))


def publish_on_commit(
    room: str, event: str, data: dict[str, Any], *, exclude_members_of: str | None = None
) -> None:
    """Send an event to a room's members once the transaction has committed.

    At least once, even if this process is killed or Redis is unavailable (`soukloop.realtime.outbox`), except
    for ephemeral events, which are sent as `publish` sends them. Clients recognise a repetition by its ids
    or its `seq`.

    `exclude_members_of` names another room to which the same event is published, so that connections in both
    rooms receive it once.
    """
    message = _message(room, event, data)
    if exclude_members_of:
        message["exclude_members_of"] = exclude_members_of
    if EVENTS[event].ephemeral:
        transaction.on_commit(partial(publisher.send, room, message), robust=True)
    else:
        send_on_commit(room, message)


def _message(room: str, event: str, data: dict[str, Any]) -> dict[str, Any]:
    if event not in EVENTS:
        raise LookupError(f"The event {event} is not declared")
    message = {"type": "event", "room": room, "event": event, "data": jsonlib.dumps(data)}
    if cause := request_id.get():
        message["request_id"] = cause  # for logs; clients get the data alone
    return message
