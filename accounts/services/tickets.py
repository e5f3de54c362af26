"""Tickets for browsers' socket handshakes, which cannot send an Authorization header."""

import hashlib
import secrets
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts import keys
from accounts.error_codes import AccountsErrorCode
from accounts.models import User
from accounts.tokens import TokenClaims, parse_uuid
from soukloop.core.errors import NotAuthenticated
from soukloop.core.redis.client import redis_client


def issue_ws_ticket(*, actor: User, family_id: UUID | None = None) -> str:
    """Return a ticket for one handshake within WS_TICKET_TTL; Redis holds only its digest.

    It belongs to the login of this id, and ends with it.
    """
    ticket = secrets.token_urlsafe(32)
    value = f"{actor.pk}:{actor.token_version}:{family_id or ''}"
    redis_client().set(keys.ws_ticket(_digest(ticket)), value, ex=settings.WS_TICKET_TTL)
    return ticket


def redeem_ws_ticket(ticket: str) -> TokenClaims:
    """Consume a ticket and return its claims; raises NotAuthenticated (ticket_invalid)."""
    value = redis_client().getdel(keys.ws_ticket(_digest(ticket)))
    if not isinstance(value, bytes):
        raise NotAuthenticated(
            _("This ticket has been used or has expired."), code=AccountsErrorCode.TICKET_INVALID
        )
    user_id, version, *family_id = value.decode().split(":")
    return TokenClaims(UUID(user_id), int(version), parse_uuid("".join(family_id)))


def _digest(ticket: str) -> str:
    return hashlib.sha256(ticket.encode()).hexdigest()
