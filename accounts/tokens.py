"""Access and refresh tokens: signing and verifying."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Protocol, TypeVar
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import (
    ExpiredTokenError,
    TokenBackendError,
    TokenBackendExpiredToken,
    TokenError,
)
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import Token
from rest_framework_simplejwt.utils import datetime_to_epoch

from accounts.error_codes import AccountsErrorCode
from accounts.models import RefreshFamily, User
from soukloop.core.db.clock import database_now
from soukloop.core.encryption import secret_keys
from soukloop.core.error_codes import CoreErrorCode
from soukloop.core.errors import NotAuthenticated

_TOKEN_MAX_LENGTH = 2048  # ours are about 400 characters


class WrongTokenTypeError(TokenError):
    """A refresh token was sent in place of an access token, or the other way round."""


class RotatingBackend(TokenBackend):
    """Signs with SECRET_KEY, and accepts signatures by the keys in SECRET_KEY_FALLBACKS too."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        super().__init__(
            api_settings.ALGORITHM,
            keys[0],
            "",
            api_settings.AUDIENCE,
            api_settings.ISSUER,
            leeway=api_settings.LEEWAY,
        )
        self._earlier = RotatingBackend(keys[1:]) if keys[1:] else None

    def decode(self, token: Any, verify: bool = True) -> dict[str, Any]:
        try:
            return super().decode(token, verify)
        except TokenBackendExpiredToken:  # its signature is right
            raise
        except TokenBackendError:
            if self._earlier is None:
                raise
            return self._earlier.decode(token, verify)


_backend_of = cache(RotatingBackend)


class TypedToken(Token):
    """A token that raises an error of its own for a wrong type, which gets its own error code."""

    def get_token_backend(self) -> TokenBackend:
        return _backend_of(secret_keys())

    def verify_token_type(self) -> None:
        if self.payload.get(api_settings.TOKEN_TYPE_CLAIM) != self.token_type:
            raise WrongTokenTypeError("Token has wrong type")


class AccessToken(TypedToken):
    """`sub` is the user, `ver` the user's token version at signing, `fam` the login (RefreshFamily).

    With a login, `jti` is that of the refresh token of the same pair.
    """

    token_type = "access"  # noqa: S105
    lifetime = api_settings.ACCESS_TOKEN_LIFETIME


class RefreshToken(TypedToken):
    """`fam` is the login (RefreshFamily), which accepts one `jti` at a time."""

    token_type = "refresh"  # noqa: S105
    lifetime = api_settings.REFRESH_TOKEN_LIFETIME


def access_token_for(
    user: User, family: RefreshFamily | None = None, issued_at: datetime | None = None
) -> str:
    """Sign an access token; with the same family and the same `issued_at` always the same token."""
    token = AccessToken()
    if family is not None:
        token["fam"] = str(family.pk)
        token.payload["jti"] = family.current_jti
    issued_at = issued_at or database_now()
    token["iat"] = datetime_to_epoch(issued_at)
    token["exp"] = datetime_to_epoch(issued_at + AccessToken.lifetime)
    token["sub"] = str(user.pk)
    token["ver"] = user.token_version
    return str(token)


def refresh_token_for(family: RefreshFamily, user: User) -> str:
    """Sign the family's current refresh token; the same state of the family always gives the same token."""
    token = RefreshToken()
    token.payload["jti"] = family.current_jti
    token["iat"] = datetime_to_epoch(family.rotated_at)
    token["exp"] = datetime_to_epoch(family.rotated_at + RefreshToken.lifetime)
    token["sub"] = str(user.pk)
    token["ver"] = user.token_version
    token["fam"] = str(family.pk)
    return str(token)


@dataclass(frozen=True)
class TokenClaims:
    """The user of a token or ticket, the user's token version when it was issued, and its login.

    `pair` is the `jti` that an access token shares with the refresh token of its login.
    """

    user_id: UUID
    token_version: int
    family_id: UUID | None = None
    pair: str = ""


def read_access_token(token: str) -> TokenClaims:
    """Verify an access token; raises NotAuthenticated (token_invalid, token_expired, token_wrong_type)."""
    claims, expires_at = _verify(token)
    if expires_at <= database_now().timestamp():
        raise _token_expired()
    return claims


# Keyed by digest, so that a memory dump holds no usable token.
_verified_tokens: dict[bytes, tuple[TokenClaims, float]] = {}
_VERIFIED_TOKENS_MAX = 20_000


def _verify(token: str) -> tuple[TokenClaims, float]:
    """Return the claims and the expiry time, from memory if this process has verified the token before."""
    digest = hashlib.blake2b(token.encode(errors="surrogatepass")).digest()
    found = _verified_tokens.get(digest)
    if found is None:
        payload = decode(AccessToken, token)
        if len(_verified_tokens) >= _VERIFIED_TOKENS_MAX:
            _verified_tokens.clear()
        found = _verified_tokens[digest] = _claims_of(payload), payload["exp"]
    return found


def _claims_of(payload: dict[str, Any]) -> TokenClaims:
    family_id = parse_uuid(payload.get("fam"))
    pair = str(payload.get("jti")) if family_id is not None else ""
    return TokenClaims(UUID(payload["sub"]), payload["ver"], family_id, pair)


def parse_uuid(value: object) -> UUID | None:
    """Return the id of a login in a token's `fam`, or None."""
    try:
        return UUID(str(value))
    except ValueError:
        return None


class TokenSubject(Protocol):
    """The columns of a user that decide whether tokens are accepted."""

    @property
    def deleted_at(self) -> datetime | None: ...
    @property
    def banned_at(self) -> datetime | None: ...
    @property
    def token_version(self) -> int: ...


P = TypeVar("P", bound=TokenSubject)


def check_token_subject(subject: P | None, token_version: int) -> P:
    """Return the user of a token or ticket of this version.

    Raises NotAuthenticated: account_deleted, account_banned, token_revoked.
    """
    user = check_account_open(subject)
    if user.token_version != token_version:
        raise NotAuthenticated(_("This session has ended. Log in again."), code=CoreErrorCode.TOKEN_REVOKED)
    return user


def check_account_open(user: P | None) -> P:
    """Return the user; raises NotAuthenticated (account_deleted, account_banned)."""
    if user is None or user.deleted_at is not None:
        raise NotAuthenticated(_("This account was deleted."), code=AccountsErrorCode.ACCOUNT_DELETED)
    if user.banned_at is not None:
        raise NotAuthenticated(_("This account is banned."), code=AccountsErrorCode.ACCOUNT_BANNED)
    return user


def decode(kind: type[TypedToken], token: str) -> dict[str, Any]:
    """Verify a token of this kind and return its payload; raises NotAuthenticated."""
    if len(token) > _TOKEN_MAX_LENGTH:
        raise _token_invalid()
    try:
        payload = kind(token).payload  # type: ignore[arg-type]  # simplejwt takes the encoded text
        _check_claims(payload)
    except ExpiredTokenError as error:
        raise _token_expired() from error
    except WrongTokenTypeError as error:
        raise NotAuthenticated(
            _("Use a token of type %(type)s."),
            code=AccountsErrorCode.TOKEN_WRONG_TYPE,
            params={"type": kind.token_type},
        ) from error
    # RecursionError: the header is parsed before the signature is verified, and may nest a thousand arrays.
    # ArithmeticError: a time that is out of every calendar's range.
    except (
        TokenError,
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
        ArithmeticError,
        RecursionError,
    ) as error:
        raise _token_invalid() from error
    # simplejwt allows LEEWAY after the expiry too, for a process whose clock is ahead.
    if payload["exp"] <= database_now().timestamp():
        raise _token_expired()
    return payload


def _check_claims(payload: dict[str, Any]) -> None:
    """Raise ValueError, TypeError or KeyError unless each claim has the type and range that we sign."""
    UUID(payload["sub"])
    for name in ("exp", "iat", "ver", *({"nbf"} & payload.keys())):
        number = payload[name]
        if type(number) is not int or not 0 <= number < 2**53:  # a bool is an int, too
            raise ValueError(name)
    if not isinstance(payload["jti"], str) or not payload["jti"]:  # a family without an earlier one has ""
        raise TypeError("jti")
    if "fam" in payload:
        UUID(payload["fam"])


def _token_expired() -> NotAuthenticated:
    return NotAuthenticated(_("The token has expired."), code=AccountsErrorCode.TOKEN_EXPIRED)


def _token_invalid() -> NotAuthenticated:
    return NotAuthenticated(_("The token is not valid."), code=CoreErrorCode.TOKEN_INVALID)
