"""Events that the server sends: how apps declare them, with an example, and publish them to rooms."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import transaction

from soukloop.core import jsonlib
from soukloop.realtime.publisher import publisher


@dataclass(frozen=True)
class Merge:
    """How to merge an event that is published more than `per_second` times a second in a room.

    The excess is held until the end of the tick (SOCKET_TICK); then `combine` turns the held data into fewer
    events, or none.
    """

    per_second: int
    combine: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]


@dataclass(frozen=True)
class EventSpec:
    """An event's name, its description for docs/events.md, an example of its data, the rooms it is sent to.

    `rooms` are names of declared room kinds, or ANY_ROOM. `ephemeral` events, which are worthless a minute
    later (typing, reactions, counts), are dropped first when a client reads too slowly.
    """

    name: str
    doc: str
    example: dict[str, Any]
    rooms: tuple[str, ...] = ("user",)
    ephemeral: bool = False
    merge: Merge | None = None


ANY_ROOM = ("*",)
EVENTS: dict[str, EventSpec] = {}


def declare_event(spec: EventSpec) -> EventSpec:
    """Add an event to the registry; called in an app's `events.py`."""
    if EVENTS.setdefault(spec.name, spec) != spec:
        raise ValueError(f"The event {spec.name} is declared twice")
    return spec


def publish(room: str, event: str, data: dict[str, Any]) -> None:
    """Send an event to a room's members in every process, now; for events independent of a transaction.

    May be called from any thread and from the event loop. Never waits and never fails when Redis is
    unavailable: a lost message can be fetched again by its seq. Raises LookupError for an undeclared event.
    """
    publisher.send(room, _message(room, event, data))


def publish_on_commit(
    room: str, event: str, data: dict[str, Any], *, exclude_members_of: str | None = None
) -> None:
    """Send an event to a room's members, as `publish` does, once the transaction has committed.

    `exclude_members_of` names another room to which the event is published as well: connections in both
    rooms receive it once.
    """
    message = _message(room, event, data)
    if exclude_members_of:
        message["exclude_members_of"] = exclude_members_of
    transaction.on_commit(partial(publisher.send, room, message), robust=True)


def _message(room: str, event: str, data: dict[str, Any]) -> dict[str, Any]:
    if event not in EVENTS:
        raise LookupError(f"The event {event} is not declared")
    return {"type": "event", "room": room, "event": event, "data": jsonlib.dumps(data)}
