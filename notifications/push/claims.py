"""What a sender asks of PostgreSQL, in threads of its own."""

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar
from uuid import UUID

from django.db import Error, connections
from redis.exceptions import RedisError

from notifications.kinds import PendingPush, attended_among
from notifications.push.messages import Delivery, delivery_of
from notifications.services.pushes import (
    ClaimedPush,
    FinishedPush,
    claim_pushes,
    finish_pushes,
    forget_devices,
)

logger = logging.getLogger(__name__)
T = TypeVar("T")


class Claimed(NamedTuple):
    """Pushes that this process has claimed."""

    deliveries: Sequence[Delivery] = ()
    unneeded: Sequence[tuple[ClaimedPush, str]] = ()  # with the status that says why


def claim(limit: int, excluded: list[str]) -> Claimed:
    """Claim pushes, and render those that are to be sent."""
    pushes = claim_pushes(limit=limit, excluded=excluded)
    unneeded = [(push, push.not_sent_because) for push in pushes if push.not_sent_because]
    wanted = [push for push in pushes if not push.not_sent_because]
    attended = _attended(wanted)
    deliveries = []
    for push in wanted:
        if push.id in attended:
            # Once more later: who put the phone away without a word still counts as looking at it now.
            unneeded.append((push, "pending" if push.attempts == 1 else "suppressed"))
            continue
        try:
            deliveries.append(delivery_of(push))
        except Exception:
            logger.exception("push %s of kind %s can't be rendered", push.id, push.kind)
            unneeded.append((push, "refused"))
    return Claimed(deliveries, unneeded)


def _attended(pushes: Sequence[ClaimedPush]) -> set[int]:
    """Return the pushes whose recipients are looking at the content; none while Redis can't say."""
    by_kind = defaultdict(list)
    for push in pushes:
        by_kind[push.kind].append(PendingPush(push.id, push.user_id, push.data))
    attended: set[int] = set()
    for kind, pending in by_kind.items():
        try:
            attended |= attended_among(kind, pending)
        except (RedisError, Error) as error:
            logger.warning("who looks at %s can't be told: %s", kind, error)
    return attended


def write(finished: Sequence[FinishedPush], unregistered: Sequence[tuple[UUID, str]]) -> set[int]:
    """Forget devices before their pushes are finished: no other process may claim the next one of theirs."""
    if unregistered:
        forget_devices(unregistered)
    return finish_pushes(finished)


def with_connection(ask: Callable[[], T]) -> T:
    """Ask PostgreSQL, and leave no connection behind that is broken."""
    try:
        return ask()
    except Error:
        connections.close_all()  # the next attempt needs a new one
        raise
