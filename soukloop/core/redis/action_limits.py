"""Limits of actions: a use is counted before the work, and given back if the action was refused or failed."""

import logging
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from redis.exceptions import RedisError
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from soukloop.core.domain import domain_apps
from soukloop.core.errors import DomainError
from soukloop.core.http.requests import client_ip
from soukloop.core.redis import keys
from soukloop.core.redis.client import redis_client
from soukloop.core.redis.rate_limits import (
    Verdict,
    raise_if_limited,
    read_verdicts,
    script_arguments,
    subject_of,
)

logger = logging.getLogger(__name__)

_UPLOAD = "upload"  # decoding a picture costs processor time even if it is then refused


@dataclass(frozen=True)
class CountedAction:
    """One use of a scope, which can be given back; of a request alone, which can't, where it is None."""

    scope: str | None
    subject: str
    use_id: str
    verdict: Verdict

    def give_back(self) -> None:
        """Count this use no longer."""
        if self.scope is None:
            return
        try:
            redis_client().zrem(keys.rate_limit(self.scope, self.subject), self.use_id)
        except RedisError as error:
            logger.warning("a use of rate limit %s was not given back: %s", self.scope, error)

    def refused(self, status: int) -> None:
        """Give the use back because the action ended with this HTTP status, unless attempts are limited.

        Failures of the server (5xx) are always given back: nobody can cause them to guess for free.
        """
        if status >= 500 or self.scope not in attempt_scopes():
            self.give_back()


@cache
def attempt_scopes() -> frozenset[str]:
    """Return the scopes that also count refused attempts, such as guesses at a password."""
    return frozenset({_UPLOAD}.union(*(app.rate_limits_of_attempts for app in domain_apps())))


def count_action(
    scope: str | None, *, request_scope: str, user_id: object, ip: str = ""
) -> CountedAction | None:
    """Count a request in `request_scope`, which is never given back, and an action in `scope` if given.

    By user, or by address where nobody is logged in; in one call of Redis. Raises RateLimited.
    """
    subject = subject_of(user_id, ip)
    if subject is None:
        return None
    return _count([request_scope, scope] if scope else [request_scope], subject, scope)


@contextmanager
def counted_action(scope: str, user_id: object) -> Iterator[CountedAction | None]:
    """Count a user's action in `scope` while the block runs; an exception gives the use back."""
    subject = f"user:{user_id}"
    action = _count([scope], subject, scope)
    try:
        yield action
    except Exception as error:
        if action is not None:
            action.refused(error.status if isinstance(error, DomainError) else 500)
        raise


def _count(scopes: Sequence[str], subject: str, action_scope: str | None) -> CountedAction | None:
    use_id = uuid.uuid4().hex
    try:
        reply = redis_client().eval(*script_arguments([(tuple(scopes), subject)], use_id=use_id))
    except RedisError as error:
        logger.warning("rate limit %s not counted: %s", ", ".join(scopes), error)
        return None
    [verdict] = read_verdicts(reply)
    raise_if_limited(verdict)
    return CountedAction(action_scope, subject, use_id, verdict)


class RateScopeThrottle(BaseThrottle):
    """Count each request in the view's `rate_scope` (a name, or a dict by method) and in `default`.

    `exception_handler` gives the use of `rate_scope` back if a write is refused; `default` counts everything,
    so that failing requests are not free.
    """

    def allow_request(self, request: Request, view: Any) -> bool:
        scope = getattr(view, "rate_scope", None)
        if isinstance(scope, dict):
            scope = scope.get(request.method)
        user_id = request.user.pk if request.user and request.user.is_authenticated else None
        action = count_action(scope, request_scope="default", user_id=user_id, ip=client_ip(request))
        cast(Any, request).counted_action = None if request.method in SAFE_METHODS else action
        if action is not None:
            cast(Any, request._request).rate_limit_headers = action.verdict.headers()
        return True
