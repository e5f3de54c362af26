"""Events that the server sends: declared once with an example, published to rooms, encoded once."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import transaction

from soukloop.core import jsonlib
from soukloop.realtime.publisher import publisher


@dataclass(frozen=True)
class Merge:
    """What a room's members get when an event comes oftener than `per_second` in that room.

    What is above the limit waits for the end of the tick (SOCKET_TICK), then goes out as `combine` makes it
    of the data that waited: fewer events, or none.
    """

    per_second: int
    combine: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]


@dataclass(frozen=True)
class EventSpec:
    """An event's name, what it tells (a sentence for docs/events.md), an example of its data, where it goes.

    `rooms` are kinds of rooms ("user", "conversation", "stream", "product"). A slow client loses `ephemeral`
    events first: those that say nothing a minute later (typing, reactions, counts).
    """

    name: str
    doc: str
    example: dict[str, Any]
    rooms: tuple[str, ...] = ("user",)
    ephemeral: bool = False
    merge: Merge | None = None


EVENTS: dict[str, EventSpec] = {}


def declare_event(spec: EventSpec) -> EventSpec:
    """Add an event to the registry; called while an app's `events.py` is imported."""
    if EVENTS.setdefault(spec.name, spec) != spec:
        raise ValueError(f"The event {spec.name} is declared twice")
    return spec


def publish(room: str, event: str, data: dict[str, Any], *, except_connection: str | None = None) -> None:
    """Send an event to a room's members in every process, now; for what isn't tied to a transaction.

    From any thread and from the event loop; never waits, never fails on Redis' account: what is lost on the
    wire can be fetched again by its seq. Raises LookupError for an event that nobody declared.
    """
    publisher.send(room, _message(room, event, data, except_connection))


def publish_on_commit(
    room: str,
    event: str,
    data: dict[str, Any],
    *,
    except_connection: str | None = None,
    unless_in: str | None = None,
) -> None:
    """Send an event to a room's members once the transaction has committed; `publish` otherwise.

    `except_connection` leaves out one connection (`session.connection_id`), usually the one that caused it;
    `unless_in` those that are in another room, to which the event is published as well.
    """
    message = _message(room, event, data, except_connection)
    if unless_in:
        message["unless_in"] = unless_in
    transaction.on_commit(partial(publisher.send, room, message), robust=True)


def _message(room: str, event: str, data: dict[str, Any], except_connection: str | None) -> dict[str, Any]:
    if event not in EVENTS:
        raise LookupError(f"The event {event} is not declared")
    message = {"type": "event", "room": room, "event": event, "data": jsonlib.dumps(data)}
    if except_connection:
        message["except"] = except_connection
    return message
