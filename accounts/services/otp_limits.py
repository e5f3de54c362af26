"""Daily limits of one-time codes and of wrong guesses, counted in PostgreSQL so that they survive Redis.

`docs/security.md` has the arithmetic. No function here looks up a user before a code has matched.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import Max, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.models import OtpEvent, User
from accounts.services.known_addresses import is_known_address
from soukloop.core.db.clock import database_now
from soukloop.core.errors import RateLimited, Text
from soukloop.core.redis.rate_limits import network_of, subject_of

logger = logging.getLogger(__name__)

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Requester:
    """Who asks for a code of an identifier, or guesses at it: its address, and whether that is known."""

    identifier: str
    network: str
    is_known: bool

    @classmethod
    def of(cls, identifier: str, ip: str) -> "Requester":
        is_known = is_known_address(identifier, ip) or subject_of(None, ip) is None  # exempt loopback
        return cls(identifier, network_of(ip), is_known)


def check_sends(requester: Requester) -> None:
    """Raise RateLimited if no more codes may be sent to this identifier, or for this address, today."""
    _check(requester, OtpEvent.Kind.SEND, "OTP_SENDS_A_DAY", _("Too many codes were requested."))


def check_guesses(requester: Requester) -> None:
    """Raise RateLimited if no more guesses are allowed today; call it with the challenge locked."""
    _check(
        requester,
        OtpEvent.Kind.WRONG_GUESS,
        "OTP_WRONG_GUESSES_A_DAY",
        _("Too many wrong codes were entered."),
    )


def record(requester: Requester, kind: OtpEvent.Kind) -> None:
    OtpEvent.objects.create(
        kind=kind,
        identifier=requester.identifier,
        network=requester.network,
        is_network_known=requester.is_known,
        created_at=database_now(),
    )


def has_used_up_the_code(requester: Requester) -> bool:
    """Return whether this address made all its guesses since it last asked for a code."""
    events = OtpEvent.objects.filter(identifier=requester.identifier, network=requester.network)
    asked = events.filter(kind=OtpEvent.Kind.SEND).aggregate(last=Max("pk"))["last"] or 0
    since = database_now() - settings.OTP_TTL
    wrong = events.filter(kind=OtpEvent.Kind.WRONG_GUESS, pk__gt=asked, created_at__gt=since)
    return wrong.count() >= settings.OTP_MAX_GUESSES


def may_still_match(user: User, requester: Requester) -> bool:
    """Return whether a right code is accepted: an account's contacts share one limit of wrong guesses."""
    contacts = [contact for contact in (user.email, user.phone) if contact]
    wrong = _last_day(OtpEvent.Kind.WRONG_GUESS).filter(identifier__in=contacts)
    if wrong.count() >= settings.OTP_WRONG_GUESSES_A_DAY:
        return False
    elsewhere = wrong.filter(is_network_known=False)
    return requester.is_known or elsewhere.count() < settings.OTP_WRONG_GUESSES_A_DAY_ELSEWHERE


def delete_old_events() -> int:
    """Delete the events that no limit counts any more; return the number."""
    return OtpEvent.objects.filter(created_at__lt=database_now() - 2 * _DAY).delete()[0]


def _check(requester: Requester, kind: OtpEvent.Kind, setting: str, message: Text) -> None:
    events = _last_day(kind)
    of_identifier = events.filter(identifier=requester.identifier)
    limits = [(of_identifier, getattr(settings, setting))]
    if not requester.is_known:
        elsewhere = of_identifier.filter(is_network_known=False)
        limits.append((elsewhere, getattr(settings, f"{setting}_ELSEWHERE")))
        own = elsewhere.filter(network=requester.network)
        limits.append((own, getattr(settings, f"{setting}_FROM_ONE_ADDRESS")))
        of_address = events.filter(network=requester.network)
        limits.append((of_address, getattr(settings, f"{setting}_BY_ADDRESS")))
    for counted, limit in limits:
        if wait := _seconds_until_fewer(counted, limit):
            logger.warning("one-time code refused: %s from %s, %d s to wait", kind, requester.network, wait)
            raise RateLimited(message, retry_after=wait)


def _last_day(kind: OtpEvent.Kind) -> QuerySet[OtpEvent]:
    return OtpEvent.objects.filter(kind=kind, created_at__gt=database_now() - _DAY)


def _seconds_until_fewer(events: QuerySet[OtpEvent], limit: int) -> int:
    """Return how long it takes until fewer than `limit` events are left; 0 if it is so now."""
    # The limit-th newest has to leave first.
    times = list(events.order_by("-created_at").values_list("created_at", flat=True)[limit - 1 : limit])
    return max(1, int((times[0] + _DAY - database_now()).total_seconds()) + 1) if times else 0
