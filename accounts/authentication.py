"""Who is asking: bearer tokens for the API, sockets too, and passwords for the admin."""

from collections.abc import Mapping, Sequence
from typing import Any, cast
from uuid import UUID

from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts.identifiers import normal_identifier
from accounts.models import User
from accounts.selectors import Caller, caller, user_by_identifier
from accounts.services.tickets import redeem_ws_ticket
from accounts.tokens import Claim, check_user, claim_of_access_token
from soukloop.core.db.reads import Reads
from soukloop.core.db.rows import user_by_id, users_by_id
from soukloop.core.errors import NotAuthenticated, RateLimited
from soukloop.core.http.requests import client_ip
from soukloop.core.images import public_url
from soukloop.core.redis import rate_limits
from soukloop.realtime.sessions import Credentials, SocketUser


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer <access token>`; a token that is there but not good is refused, not ignored."""

    def authenticate(self, request: Request) -> tuple[User, str] | None:
        header = request.headers.get("Authorization", "")
        user = user_of_authorization(header)
        if user is None:
            return None
        request._request.authenticated_user_id = user.pk  # type: ignore[attr-defined]  # for the log line
        return user, header.strip().partition(" ")[2].strip()

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def user_of_authorization(header: str) -> User | None:
    """Return whom an `Authorization` header stands for, None where it holds no bearer token.

    Raises NotAuthenticated.
    """
    claim = _claim_of_authorization(header)
    return check_user(user_by_id(claim.user_id), claim.token_version) if claim else None


def caller_of_authorization(header: str) -> Reads[tuple[UUID, Caller] | None]:
    """Read whom it stands for in the same way, but no more of them than a list needs."""
    claim = _claim_of_authorization(header)
    if claim is None:
        return None
    found = yield from caller(claim.user_id)
    return claim.user_id, check_user(found, claim.token_version)


def _claim_of_authorization(header: str) -> Claim | None:
    scheme, _, token = header.strip().partition(" ")
    if scheme.lower() != "bearer":
        return None
    if not token.strip():
        raise NotAuthenticated("The token isn't valid.", code="token_invalid")
    return claim_of_access_token(token.strip())


def current_user(request: Request) -> User:
    """Return the person who is logged in, in a view that only logged-in people reach."""
    return cast(User, request.user)


def current_user_or_none(request: Request) -> User | None:
    """Return the person who is logged in, or None for a guest."""
    return current_user(request) if request.user.is_authenticated else None


class IdentifierBackend(ModelBackend):
    """Email, username or phone with a password, for the admin's login; counted like the API's."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        if not username or not password:
            return None
        try:
            if request is not None:
                rate_limits.hit_ip("login_ip", client_ip(request))
            rate_limits.hit("login_identifier", normal_identifier(username))
        except RateLimited as error:
            raise PermissionDenied from error
        user = None if "\x00" in username else user_by_identifier(username)
        if user is None:
            User().set_password(password)  # takes the time a wrong password takes
            return None
        if user.check_password(password) and self.user_can_authenticate(user):
            return user
        return None


def authenticate_sockets(credentials: Sequence[Credentials]) -> list[SocketUser | Exception]:
    """Tell whom each handshake's access token or one-use ticket stands for, or why nobody; in one query.

    A reason is NotAuthenticated, or what was raised meanwhile: RedisError for a ticket while Redis is away.
    """
    claims = [_claim(each) for each in credentials]
    people = users_by_id({claim.user_id for claim in claims if isinstance(claim, Claim)})
    return [_socket_user(claim, people) if isinstance(claim, Claim) else claim for claim in claims]


def _claim(credentials: Credentials) -> Claim | Exception:
    try:
        if credentials.token:
            return claim_of_access_token(credentials.token)
        if credentials.ticket:
            return redeem_ws_ticket(credentials.ticket)
        return NotAuthenticated()
    except Exception as error:  # whatever is wrong with one handshake, the others of its moment go on
        return error


def _socket_user(claim: Claim, people: Mapping[UUID, User]) -> SocketUser | Exception:
    try:
        user = check_user(people.get(claim.user_id), claim.token_version)
    except NotAuthenticated as error:
        return error
    return SocketUser(
        id=user.pk,
        username=user.username,
        avatar_url=public_url(user.avatar),
        token_version=user.token_version,
        row=user,
    )
