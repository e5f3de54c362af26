"""Access and refresh tokens: what they carry, and what makes one refused."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID

from django.utils import timezone
from rest_framework_simplejwt.exceptions import ExpiredTokenError, TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import Token
from rest_framework_simplejwt.utils import datetime_to_epoch

from accounts.models import RefreshFamily, User
from soukloop.core.errors import NotAuthenticated

_LONGEST = 2048  # ours are about 400 characters


class WrongTypeError(TokenError):
    """A refresh token where an access token belongs, or the other way round."""


class TypedToken(Token):
    def verify_token_type(self) -> None:
        if self.payload.get(api_settings.TOKEN_TYPE_CLAIM) != self.token_type:
            raise WrongTypeError("Token has wrong type")


class AccessToken(TypedToken):
    """`sub` is the user, `ver` their token version when it was made, `fam` the login it came from."""

    token_type = "access"  # noqa: S105
    lifetime = api_settings.ACCESS_TOKEN_LIFETIME


class RefreshToken(TypedToken):
    """`fam` is the login it belongs to; a family accepts one `jti` at a time."""

    token_type = "refresh"  # noqa: S105
    lifetime = api_settings.REFRESH_TOKEN_LIFETIME


def access_token_for(user: User, family: RefreshFamily | None = None) -> str:
    """Mint an access token."""
    token = AccessToken()
    if family is not None:
        token["fam"] = str(family.pk)
    token["sub"] = str(user.pk)
    token["ver"] = user.token_version
    return str(token)


def refresh_token_of(family: RefreshFamily, user: User) -> str:
    """Mint the family's current refresh token; the same family state always gives the same token."""
    token = RefreshToken()
    token.payload["jti"] = family.current_jti
    token["iat"] = datetime_to_epoch(family.rotated_at)
    token["exp"] = datetime_to_epoch(family.rotated_at + RefreshToken.lifetime)
    token["sub"] = str(user.pk)
    token["ver"] = user.token_version
    token["fam"] = str(family.pk)
    return str(token)


@dataclass(frozen=True)
class Claim:
    """Whom a token or a ticket says it stands for, and the version of their tokens when it was made."""

    user_id: UUID
    token_version: int


def claim_of_access_token(token: str) -> Claim:
    """Raises NotAuthenticated: token_invalid, token_expired, token_wrong_type."""
    claim, expires_at = _verified(token)
    if expires_at <= timezone.now().timestamp():
        raise _expired()
    return claim


# By digest: the memory of a process is no place for other people's tokens.
_known: dict[bytes, tuple[Claim, float]] = {}
_KNOWN_MAX = 20_000


def _verified(token: str) -> tuple[Claim, float]:
    """Return also when it ends. A token comes with every request, and what it says doesn't change."""
    digest = hashlib.blake2b(token.encode(errors="surrogatepass")).digest()
    found = _known.get(digest)
    if found is None:
        payload = decode(AccessToken, token)
        if len(_known) >= _KNOWN_MAX:
            _known.clear()
        found = _known[digest] = Claim(UUID(payload["sub"]), payload["ver"]), payload["exp"]
    return found


class Standing(Protocol):
    """What of a person decides whether their tokens are good."""

    @property
    def deleted_at(self) -> datetime | None: ...
    @property
    def banned_at(self) -> datetime | None: ...
    @property
    def token_version(self) -> int: ...


P = TypeVar("P", bound=Standing)


def check_user(user: P | None, token_version: int) -> P:
    """Return the person a token or ticket of this version stands for.

    Raises NotAuthenticated: account_deleted, account_banned, token_revoked.
    """
    if user is None or user.deleted_at is not None:
        raise NotAuthenticated("This account was deleted.", code="account_deleted")
    if user.banned_at is not None:
        raise NotAuthenticated("This account was banned.", code="account_banned")
    if user.token_version != token_version:
        raise NotAuthenticated("This login was ended. Log in again.", code="token_revoked")
    return user


def decode(kind: type[TypedToken], token: str) -> dict[str, Any]:
    """Return the claims of a token of this kind that is ours and in date; raises NotAuthenticated."""
    if len(token) > _LONGEST:
        raise _invalid()
    try:
        payload = kind(token).payload  # type: ignore[arg-type]  # simplejwt takes the encoded text
        UUID(payload["sub"])
        if not isinstance(payload["ver"], int):
            raise TypeError("ver")
    except ExpiredTokenError as error:
        raise _expired() from error
    except WrongTypeError as error:
        raise NotAuthenticated(f"Send a token of type {kind.token_type}.", code="token_wrong_type") from error
    # RecursionError: a header of a thousand nested arrays is read before the signature is.
    except (TokenError, KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise _invalid() from error
    return payload


def _expired() -> NotAuthenticated:
    return NotAuthenticated("The token has expired.", code="token_expired")


def _invalid() -> NotAuthenticated:
    return NotAuthenticated("The token isn't valid.", code="token_invalid")
