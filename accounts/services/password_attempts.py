"""Limits of wrong passwords: tight for one address, looser for all addresses together."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from accounts.identifiers import normalize_identifier
from accounts.models import User
from accounts.services.known_addresses import is_known_address, remember_address
from soukloop.core.errors import RateLimited
from soukloop.core.redis import rate_limits

logger = logging.getLogger(__name__)


@contextmanager
def limited_login(identifier: str, ip: str) -> Iterator[rate_limits.Reservation]:
    """Run one attempt to log in; `keep` on the result counts it as a failure, otherwise it counts nowhere.

    Wrong passwords for the identifier from elsewhere, and for others from the same address, do not refuse an
    address that the identifier was used from before. Raises RateLimited, and logs a warning without the
    identifier, which may be a password typed into the wrong field.
    """
    name = normalize_identifier(identifier)
    uses = [("login_identifier", f"{name}|{rate_limits.network_of(ip)}")]
    if address := rate_limits.subject_of(None, ip):
        uses.append(("login_failures_ip", address))
    uses.append(("login_identifier_elsewhere", name))

    def is_exempt(scope: str) -> bool:
        return scope != "login_identifier" and is_known_address(name, ip)

    with _logged("login", ip), rate_limits.reserve(uses, is_exempt=is_exempt) as attempt:
        yield attempt


@contextmanager
def limited_confirmation(user: User) -> Iterator[rate_limits.Reservation]:
    """Run one check of the current password; `keep` counts it as a failure. Raises RateLimited."""
    uses = [("password", f"user:{user.pk}")]
    with _logged(f"confirmation of user {user.pk}"), rate_limits.reserve(uses) as attempt:
        yield attempt


def remember_login(user: User, ip: str) -> None:
    """Remember the address for the username and the confirmed contacts of a person who logged in.

    Not for a contact that is not confirmed, even if it was used to log in: it may be somebody else's, whose
    limits a known address could use up.
    """
    names = {user.username.lower()}
    if user.email and user.email_confirmed_at:
        names.add(user.email)
    if user.phone and user.phone_confirmed_at:
        names.add(user.phone)
    remember_address(names, ip)


@contextmanager
def _logged(what: str, ip: str = "") -> Iterator[None]:
    try:
        yield
    except RateLimited as error:
        logger.warning(
            "%s refused: too many wrong passwords%s; %d s to wait",
            what,
            f" from {ip}" if ip else "",
            error.retry_after,
        )
        raise
