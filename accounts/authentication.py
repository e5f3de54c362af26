"""Authentication: bearer tokens for the API, tokens and tickets for sockets, passwords for the admin."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast
from uuid import UUID

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest
from django.utils.translation import gettext_lazy
from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts.models import User
from accounts.selectors import (
    LoginOf,
    UserWithBlocks,
    end_reasons,
    user_by_login_identifier,
    user_with_blocks,
)
from accounts.services.password_attempts import limited_login, remember_login
from accounts.services.tickets import redeem_ws_ticket
from accounts.services.token_use import record_use, record_uses
from accounts.tokens import TokenClaims, check_token_subject, read_access_token
from soukloop.core.db.outage import repeat_if_lost
from soukloop.core.db.reads import Reads, run
from soukloop.core.db.rows import user_by_id, users_by_id
from soukloop.core.error_codes import CoreErrorCode
from soukloop.core.errors import NotAuthenticated
from soukloop.core.http.languages import use_account_language
from soukloop.core.http.requests import bearer_token, client_ip
from soukloop.core.images import public_url
from soukloop.realtime.sessions import Credentials, SocketUser


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer <access token>`; a bad token is refused, not ignored."""

    def authenticate(self, request: Request) -> tuple[User, str] | None:
        header = request.headers.get("Authorization", "")
        user = repeat_if_lost(partial(user_from_header, header))
        if user is None:
            return None
        use_account_language(request.headers.get("Accept-Language", ""), user.language)
        request._request.authenticated_user_id = user.pk  # type: ignore[attr-defined]  # for the log line
        return user, bearer_token(header) or ""

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def user_from_header(header: str) -> User | None:
    """Return the user of an `Authorization` header, or None if it has no bearer token.

    Raises NotAuthenticated.
    """
    claims = _read_header(header)
    if claims is None:
        return None
    user: User = check_token_subject(user_by_id(claims.user_id), claims.token_version)
    run(record_use(claims))
    return user


def user_with_blocks_from_header(header: str) -> Reads[tuple[UUID, UserWithBlocks] | None]:
    """Authenticate as `user_from_header` does, but read only the columns that a feed needs."""
    claims = _read_header(header)
    if claims is None:
        return None
    user = yield from user_with_blocks(claims.user_id)
    subject = check_token_subject(user, claims.token_version)
    yield from record_use(claims)
    return claims.user_id, subject


def _read_header(header: str) -> TokenClaims | None:
    token = bearer_token(header)
    if token is None:
        return None
    if not token:
        raise NotAuthenticated(_("The token is not valid."), code=CoreErrorCode.TOKEN_INVALID)
    return read_access_token(token)


def current_user(request: Request) -> User:
    """Return the user who is logged in; for views that require a login."""
    return cast(User, request.user)


def current_user_or_none(request: Request) -> User | None:
    """Return the user who is logged in, or None for a guest."""
    return current_user(request) if request.user.is_authenticated else None


def user_if_logged_in(request: Request) -> tuple[User | None, NotAuthenticated | None]:
    """Return the user of the request's bearer token, or why the token is not accepted."""
    try:
        user = user_from_header(request.headers.get("Authorization", ""))
    except NotAuthenticated as error:
        return None, error
    if user is not None:
        use_account_language(request.headers.get("Accept-Language", ""), user.language)
    return user, None


class IdentifierBackend(ModelBackend):
    """Email, username or phone with a password, for the admin's login; limited like the API's."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        if not username or not password:
            return None
        ip = client_ip(request) if request is not None else ""
        with limited_login(username, ip) as attempt:
            user = self._check(username, password)
            if user is None:
                attempt.keep()
                return None
        remember_login(user, ip)
        return user

    def _check(self, username: str, password: str) -> User | None:
        user = None if "\x00" in username else user_by_login_identifier(username)
        if user is None:
            make_password(password)  # so that the response time does not reveal whether the account exists
            return None
        if user.check_password(password) and self.user_can_authenticate(user):
            return user
        return None


def authenticate_sockets(credentials: Sequence[Credentials]) -> list[SocketUser | Exception]:
    """Return, for each handshake, the user of its access token or ticket, or an exception; in a few queries.

    The exception is usually NotAuthenticated; for a ticket it is RedisError while Redis is unavailable.
    """
    results = [_read_credentials(item) for item in credentials]
    accepted = [claims for claims in results if isinstance(claims, TokenClaims)]
    users = users_by_id({claims.user_id for claims in accepted})
    record_uses(accepted)
    with_login = [claims for claims in accepted if claims.family_id is not None]
    ended = dict(zip(with_login, end_reasons([_login_of(claims) for claims in with_login]), strict=True))
    return [
        _socket_user(result, users, ended.get(result)) if isinstance(result, TokenClaims) else result
        for result in results
    ]


def socket_end_reasons(people: Sequence[SocketUser]) -> list[str | None]:
    """Return, for each open socket's user, why the socket's login has ended, or None; in one query."""
    return end_reasons([LoginOf(person.family_id, person.id, person.token_version) for person in people])


def _login_of(claims: TokenClaims) -> LoginOf:
    return LoginOf(str(claims.family_id), claims.user_id, claims.token_version)


def _read_credentials(credentials: Credentials) -> TokenClaims | Exception:
    try:
        if credentials.token:
            return read_access_token(credentials.token)
        if credentials.ticket:
            return redeem_ws_ticket(credentials.ticket)
        return NotAuthenticated()
    except Exception as error:  # one bad handshake must not fail the others in its batch
        return error


def _socket_user(
    claims: TokenClaims, users: Mapping[UUID, User], end_reason: str | None
) -> SocketUser | Exception:
    try:
        user = check_token_subject(users.get(claims.user_id), claims.token_version)
    except NotAuthenticated as error:
        return error
    if end_reason is not None:
        return NotAuthenticated(gettext_lazy(end_reason), code=CoreErrorCode.TOKEN_REVOKED)
    return SocketUser(
        id=user.pk,
        username=user.username,
        avatar_url=public_url(user.avatar),
        token_version=user.token_version,
        row=user,
        language=user.language,
        family_id=str(claims.family_id) if claims.family_id is not None else None,
    )
