"""Closing connections whose login has ended, by a check of the database that needs no Redis."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from django.conf import settings
from django.utils.module_loading import import_string

from soukloop.realtime.dispatch import run_in_thread
from soukloop.realtime.hub import hub
from soukloop.realtime.sessions import SocketUser

logger = logging.getLogger("soukloop.socket")

# Its own thread: busy commands must not delay the end of a session.
_threads = ThreadPoolExecutor(1, thread_name_prefix="session-check")


class _State:
    is_failing = False


_state = _State()


async def check_forever() -> None:
    """Check this process's connections every SOCKET_SESSION_CHECK."""
    while True:
        await asyncio.sleep(settings.SOCKET_SESSION_CHECK.total_seconds())
        await check_sessions()


async def check_sessions() -> None:
    """Close the connections whose login has ended, with the reason; one query, whatever their number.

    Normally a message closes them at once. It is lost while Redis is unavailable, or if the process that
    ended the login was killed before it sent the message.
    """
    members = [member for member in hub.members.values() if not (member.is_closed or member.session.is_guest)]
    if not members:
        return
    users = [member.session.socket_user for member in members]
    try:
        reasons = await run_in_thread(partial(_end_reasons, users), _threads)
    except Exception as error:
        if not _state.is_failing:
            logger.warning("session check failed, to be repeated until it succeeds: %s", error)
        _state.is_failing = True
        return
    if _state.is_failing:
        logger.warning("session check succeeded again")
    _state.is_failing = False
    for member, reason in zip(members, reasons, strict=True):
        if reason is not None:
            hub.end_session(member, reason)


def _end_reasons(users: Sequence[SocketUser]) -> list[str | None]:
    checker: Callable[[Sequence[SocketUser]], list[str | None]] = import_string(
        settings.SOCKET_SESSION_CHECKER
    )
    return checker(users)
