"""Tickets for browsers' socket handshakes, which cannot send an Authorization header."""

import hashlib
import secrets
from uuid import UUID

from django.conf import settings

from accounts import keys
from accounts.models import User
from accounts.tokens import TokenClaims
from soukloop.core.errors import NotAuthenticated
from soukloop.core.redis.client import redis_client


def issue_ws_ticket(*, actor: User) -> str:
    """Return a ticket for one handshake within WS_TICKET_TTL; Redis holds only its digest."""
    ticket = secrets.token_urlsafe(32)
    value = f"{actor.pk}:{actor.token_version}"
    redis_client().set(keys.ws_ticket(_digest(ticket)), value, ex=settings.WS_TICKET_TTL)
    return ticket


def redeem_ws_ticket(ticket: str) -> TokenClaims:
    """Consume a ticket and return its claims; raises NotAuthenticated (ticket_invalid)."""
    value = redis_client().getdel(keys.ws_ticket(_digest(ticket)))
    if not isinstance(value, bytes):
        raise NotAuthenticated("This ticket has been used or has expired.", code="ticket_invalid")
    user_id, _, version = value.decode().partition(":")
    return TokenClaims(UUID(user_id), int(version))


def _digest(ticket: str) -> str:
    return hashlib.sha256(ticket.encode()).hexdigest()
