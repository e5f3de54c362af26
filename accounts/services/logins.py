"""Logins: opening with a password, extending by rotating refresh tokens, ending one or all of them."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import RefreshFamily, User
from accounts.selectors import user_by_login_identifier
from accounts.services.password_attempts import limited_login, remember_login
from accounts.tokens import (
    RefreshToken,
    access_token_for,
    check_account_open,
    check_token_subject,
    decode,
    refresh_token_for,
)
from soukloop.core.errors import Forbidden, NotAuthenticated
from soukloop.realtime.sessions import close_user_sessions_on_commit


@dataclass(frozen=True)
class Login:
    """The tokens of one login, and its user."""

    user: User
    access_token: str
    refresh_token: str


def log_in(*, identifier: str, password: str, ip: str) -> Login:
    """Log in by email, username or phone (contract 1.5).

    An unknown identifier, a contact that is not confirmed and a wrong password take the same time and get the
    same answer. Only the right password reveals that an account is banned. Raises NotAuthenticated
    (invalid_credentials), Forbidden (account_banned), RateLimited.
    """
    with limited_login(identifier, ip) as attempt:
        user = user_by_login_identifier(identifier)
        if user is None or not user.has_usable_password():
            make_password(password)
            attempt.keep()
            raise _wrong_credentials()
        if not user.check_password(password):
            attempt.keep()
            raise _wrong_credentials()
    if user.banned_at is not None:
        raise Forbidden("This account is banned.", code="account_banned")
    remember_login(user, identifier, ip)
    return open_login(user)


def open_login(user: User) -> Login:
    """Create a refresh family for an authenticated user and set `last_login_at`.

    Raises NotAuthenticated if the account is closed.
    """
    now = timezone.now()
    check_account_open(user)
    family = RefreshFamily.objects.create(user=user, current_jti=uuid.uuid4().hex, rotated_at=now)
    user.last_login_at = now
    User.objects.filter(pk=user.pk).update(last_login_at=now)
    return _sign_login(family, user)


def refresh_login(*, refresh_token: str) -> Login:
    """Exchange a refresh token for a new pair (contract 1.7); earlier access tokens stay valid.

    Exactly one use rotates the family. The same token again within REFRESH_GRACE is a retry or a parallel
    request and gets the same successor as the first use. After that it counts as stolen, and the family ends.
    Raises NotAuthenticated.
    """
    claims = decode(RefreshToken, refresh_token)
    now = timezone.now()
    with transaction.atomic():
        family = _locked_family(claims.get("fam"))
        user = check_token_subject(family.user if family else None, claims["ver"])
        is_accepted = family is not None and _rotate(family, str(claims["jti"]), now)
    # After the transaction, so that raising does not roll back the end of the family.
    if family is None or not is_accepted:
        raise NotAuthenticated("This session has ended. Log in again.", code="token_revoked")
    return _sign_login(family, user)


def log_out(*, refresh_token: str) -> None:
    """End the login of a refresh token; a login that has ended is no error."""
    claims = decode(RefreshToken, refresh_token)
    end_login(family_id=claims.get("fam"))


def end_login(*, family_id: object) -> None:
    """Revoke one refresh family; its access token stays valid until it expires, and sockets stay open."""
    if family := _parse_uuid(family_id):
        RefreshFamily.objects.filter(pk=family, revoked_at=None).update(revoked_at=timezone.now())


def log_out_everywhere(*, actor: User) -> None:
    """End every login of the actor: access tokens, refresh tokens and sockets."""
    with transaction.atomic():
        end_all_logins(actor, "You were logged out on all devices. Log in again.")


def end_all_logins(user: User, reason: str) -> None:
    """Revoke a user's tokens and close their sockets with this reason, in the caller's transaction."""
    User.objects.filter(pk=user.pk).update(token_version=F("token_version") + 1)
    user.refresh_from_db(fields=["token_version"])
    RefreshFamily.objects.filter(user=user, revoked_at=None).update(revoked_at=timezone.now())
    close_user_sessions_on_commit(user.pk, reason)


def delete_expired_families() -> int:
    """Delete the families whose refresh token has expired; return the number."""
    cutoff = timezone.now() - settings.SIMPLE_JWT["REFRESH_TOKEN_LIFETIME"]
    return RefreshFamily.objects.filter(rotated_at__lt=cutoff).delete()[0]


def _locked_family(family_id: object) -> RefreshFamily | None:
    key = _parse_uuid(family_id)
    if key is None:
        return None
    families = RefreshFamily.objects.select_related("user").select_for_update(of=("self",))
    return families.filter(pk=key).first()


def _rotate(family: RefreshFamily, jti: str, now: datetime) -> bool:
    """Rotate the locked family, or end it; return whether this `jti` may get the current token."""
    if family.revoked_at is not None:
        return False
    if jti == family.current_jti:
        family.previous_jti, family.current_jti, family.rotated_at = jti, uuid.uuid4().hex, now
        family.save(update_fields=["previous_jti", "current_jti", "rotated_at"])
        return True
    if jti == family.previous_jti and now - family.rotated_at <= settings.REFRESH_GRACE:
        return True
    family.revoked_at = now
    family.save(update_fields=["revoked_at"])
    return False


def _sign_login(family: RefreshFamily, user: User) -> Login:
    return Login(user, access_token_for(user, family), refresh_token_for(family, user))


def _parse_uuid(value: object) -> UUID | None:
    try:
        return UUID(str(value))
    except ValueError:
        return None


def _wrong_credentials() -> NotAuthenticated:
    return NotAuthenticated("Wrong identifier or password.", code="invalid_credentials")
