"""A command's way through, on either transport: limits, input shape, handler, acknowledgement."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import connections

from soukloop.core.errors import BadRequest, DomainError, ServerError, Unavailable, ValidationFailed
from soukloop.core.http.envelope import domain_error, error_body
from soukloop.core.redis.rate_limits import hit_request
from soukloop.realtime.commands import COMMANDS, LEFT_HOOKS
from soukloop.realtime.events import EVENTS
from soukloop.realtime.hub import Hub, hub
from soukloop.realtime.members import Member
from soukloop.realtime.rooms import kind_of
from soukloop.realtime.sessions import Session

logger = logging.getLogger("soukloop.socket")

IN_FLIGHT_MAX = 8
JOIN_TIMEOUT = 5.0
NAME_MAX = 64

Ack = dict[str, Any]


async def dispatch(member: Member, event: Any, data: Any) -> Ack:
    """Answer one command: `{"success": true, "data"}` or `{"success": false, "error"}`. Never raises."""
    try:
        return {"success": True, "data": await perform(member, event, data)}
    except DomainError as error:
        return refusal(error)


async def perform(member: Member, event: Any, data: Any) -> dict[str, Any]:
    """Carry out one command and return what its acknowledgement brings; raises DomainError and nothing else.

    A connection's commands run one after the other, in the order in which they came; few may wait.
    """
    turn = member.turn
    if turn.waiting >= IN_FLIGHT_MAX:
        raise BadRequest("Wait for answers before you send more.", code="too_many_commands")
    turn.waiting += 1
    try:
        async with turn.lock:
            if member.is_gone:
                raise Unavailable
            return await in_thread(partial(_performed, member.session, event, data))
    finally:
        turn.waiting -= 1


def refusal(error: DomainError) -> Ack:
    return error_body(error)


async def in_thread(work: Callable[[], Any]) -> Any:
    """Run on the commands' own threads and give the database connection back to the pool afterwards.

    Channels' thread-sensitive thread is one for the whole process: 20 commands of 0.1 s took 2.0 s on it.
    """
    return await asyncio.get_running_loop().run_in_executor(hub.threads, _released, work)


def _released(work: Callable[[], Any]) -> Any:
    try:
        return work()
    finally:
        connections.close_all()


def _performed(session: Session, event: Any, data: Any) -> dict[str, Any]:
    try:
        return _run(session, event, data)
    except Exception as exc:
        error = domain_error(exc)
        if error is None:
            logger.exception("command %s failed", event)
            error = ServerError()
        raise error from exc


def _run(session: Session, event: Any, data: Any) -> dict[str, Any]:
    record = COMMANDS.get(event) if isinstance(event, str) else None
    scopes = ["socket_command", record.rate_scope] if record and record.rate_scope else ["socket_command"]
    hit_request(scopes, user_id=session.user_id, ip="")
    if record is None:
        name = event[:NAME_MAX] if isinstance(event, str) else event
        raise BadRequest("There is no such command.", code="unknown_event", details={"event": name})
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise ValidationFailed(details={"data": ["An object."]})
    session.forget_user()
    if record.shape is not None:
        data = record.shape.run_validation(data)
    return record.handler(session, data) or {}


class ThreadConnection:
    """What a session does to its connection, from a command's thread."""

    def __init__(self, hub: Hub, member: Member) -> None:
        self._hub = hub
        self._member = member

    @property
    def rooms(self) -> frozenset[str]:
        return frozenset(self._member.rooms)

    def join(self, room: str) -> None:
        assert self._hub.loop is not None
        if self._hub.join_at_once(self._member, room):
            return
        joined = asyncio.run_coroutine_threadsafe(self._hub.join(self._member, room), self._hub.loop)
        joined.result(JOIN_TIMEOUT)

    def leave(self, room: str) -> None:
        assert self._hub.loop is not None
        if room not in self._member.rooms:
            return
        self._hub.loop.call_soon_threadsafe(self._hub.leave, self._member, room)
        left(self._member.session, [room])

    def emit(self, event: str, data: dict[str, Any]) -> None:
        assert self._hub.loop is not None
        if event not in EVENTS:
            raise LookupError(f"The event {event} is not declared")
        self._hub.loop.call_soon_threadsafe(self._member.emit, event, data)


def left(session: Session, rooms: list[str]) -> None:
    """Run what apps want done when a connection has left these rooms."""
    for room in rooms:
        for hook in LEFT_HOOKS.get(kind_of(room), ()):
            try:
                hook(session, room)
            except Exception:
                logger.exception("leaving %s was not completed", kind_of(room))
