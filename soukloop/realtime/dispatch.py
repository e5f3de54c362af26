"""Running a client's command, from either transport: rate limit, validation, handler, acknowledgement."""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import Any, TypeVar

from django.db import connections
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from soukloop.core import tracing
from soukloop.core.error_reports import report_error
from soukloop.core.errors import (
    BadRequest,
    DomainError,
    NotAuthenticated,
    ServerError,
    Unavailable,
    ValidationFailed,
)
from soukloop.core.http.envelope import domain_error, error_body
from soukloop.core.http.requests import request_id
from soukloop.core.redis.action_limits import count_action
from soukloop.realtime import attention, metrics
from soukloop.realtime.commands import COMMANDS, Command
from soukloop.realtime.error_codes import RealtimeErrorCode
from soukloop.realtime.events import EVENTS
from soukloop.realtime.hub import Hub, hub
from soukloop.realtime.members import Member
from soukloop.realtime.rooms import kind_of
from soukloop.realtime.sessions import Guest, Session

logger = logging.getLogger("soukloop.socket")

IN_FLIGHT_MAX = 8
JOIN_TIMEOUT = 5.0
NAME_MAX = 64

Ack = dict[str, Any]
T = TypeVar("T")


async def dispatch(member: Member, event: Any, data: Any) -> Ack:
    """Return a command's acknowledgement: `{"success": true, "data"}` or `{"success": false, "error"}`.

    Never raises.
    """
    try:
        return {"success": True, "data": await execute(member, event, data)}
    except DomainError as error:
        return error_for(member, error)


def error_for(member: Member, error: DomainError) -> dict[str, Any]:
    """Return `{"success": false, "error"}` in the language of a connection."""
    with translation.override(member.session.visitor.language):
        return error_body(error)


async def execute(member: Member, event: Any, data: Any) -> dict[str, Any]:
    """Run one command and return the data of its acknowledgement; raises DomainError and nothing else.

    The commands of one connection run one at a time, in the order received; at most IN_FLIGHT_MAX are queued.
    """
    queue = member.command_queue
    if queue.size >= IN_FLIGHT_MAX:
        message = _("Too many commands are waiting. Wait for their acknowledgements.")
        raise BadRequest(message, code=RealtimeErrorCode.TOO_MANY_COMMANDS)
    queue.size += 1
    try:
        async with queue.lock:
            if member.is_closed:
                raise Unavailable
            return await run_in_thread(partial(_execute, member.session, event, data))
    finally:
        queue.size -= 1


async def run_in_thread(function: Callable[[], T], threads: Executor | None = None) -> T:
    """Run a function on the command threads, or others, and then return its database connection to the pool.

    Channels has a single thread for the whole process, on which 20 commands of 0.1 s took 2.0 s.
    """
    return await asyncio.get_running_loop().run_in_executor(
        threads or hub.threads, partial(_call_and_close_connections, function)
    )


def _call_and_close_connections(function: Callable[[], T]) -> T:
    try:
        return function()
    finally:
        connections.close_all()


def _execute(session: Session, event: Any, data: Any) -> dict[str, Any]:
    """Run a command, and count it by a name that we know."""
    name = event if isinstance(event, str) and event in COMMANDS else "unknown"
    started, result = time.perf_counter(), "ok"
    # As a request has: for the log, and for the jobs and events that the command causes.
    token = request_id.set(uuid.uuid4().hex)
    try:
        language = session.visitor.language
        with translation.override(language), tracing.span(f"command {name}", kind="server") as span:
            if span is not None:
                tracing.describe(span, **{"souk.request_id": request_id.get()})
            return _execute_limited(session, event, data)
    except DomainError as error:
        result = "failed" if error.status >= 500 else "refused"
        raise
    finally:
        request_id.reset(token)
        metrics.count_command(name, result, time.perf_counter() - started)


def _execute_limited(session: Session, event: Any, data: Any) -> dict[str, Any]:
    action = None
    try:
        command = COMMANDS.get(event) if isinstance(event, str) else None
        scope = command.rate_scope if command else None
        action = count_action(
            scope,
            request_scope="socket_command",
            user_id=session.user_id_or_none,
            ip=session.visitor.address if isinstance(session.visitor, Guest) else "",
        )
        return _run_handler(session, command, event, data)
    except Exception as exc:
        error = domain_error(exc)
        if error is None:
            logger.exception("command %s failed", event)
            report_error(exc, command=event if event in COMMANDS else "unknown")
            error = ServerError()
        if session.is_guest and isinstance(error, NotAuthenticated):
            error = NotAuthenticated(error.message, code=RealtimeErrorCode.UNAUTHORIZED)
        if action is not None:
            action.refused(error.status)
        raise error from exc


def _run_handler(session: Session, command: Command | None, event: Any, data: Any) -> dict[str, Any]:
    if session.is_guest and not (command and command.for_guests):
        raise NotAuthenticated
    if command is None:
        name = event[:NAME_MAX] if isinstance(event, str) else event
        raise BadRequest(_("Unknown command."), code=RealtimeErrorCode.UNKNOWN_EVENT, details={"event": name})
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise ValidationFailed(details={"data": [_("The data must be an object.")]})
    session.forget_user()
    return command.handler(session, command.validated(data)) or {}


class ThreadConnection:
    """A session's connection, which can be used from a command's thread."""

    def __init__(self, hub: Hub, member: Member) -> None:
        self._hub = hub
        self._member = member

    @property
    def rooms(self) -> frozenset[str]:
        return frozenset(self._member.rooms)

    def join(self, room: str) -> None:
        assert self._hub.loop is not None
        if not self._hub.join_if_subscribed(self._member, room):
            joined = asyncio.run_coroutine_threadsafe(self._hub.join(self._member, room), self._hub.loop)
            joined.result(JOIN_TIMEOUT)
        attention.enter(self._member.session, room)

    def leave(self, room: str) -> None:
        assert self._hub.loop is not None
        if room not in self._member.rooms:
            return
        self._hub.loop.call_soon_threadsafe(self._hub.leave, self._member, room)
        run_leave_hooks(self._member.session, [room])

    def emit(self, event: str, data: dict[str, Any]) -> None:
        assert self._hub.loop is not None
        if event not in EVENTS:
            raise LookupError(f"The event {event} is not declared")
        self._hub.loop.call_soon_threadsafe(self._member.emit, event, data)


def run_leave_hooks(session: Session, rooms: list[str]) -> None:
    """Call the apps' hooks for rooms that a connection has left, and record that it has."""
    for room in rooms:
        attention.leave(session, room)
        kind = kind_of(room)
        if kind is not None:
            kind.left.call_robust(session, room)
