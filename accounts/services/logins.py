"""Logins: opening with a password, extending by rotating refresh tokens, ending one or all of them."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from accounts import hooks
from accounts.error_codes import AccountsErrorCode
from accounts.models import RefreshFamily, User
from accounts.selectors import user_by_login_identifier
from accounts.services.password_attempts import limited_login, remember_login
from accounts.tokens import (
    AccessToken,
    RefreshToken,
    access_token_for,
    check_account_open,
    check_token_subject,
    decode,
    parse_uuid,
    refresh_token_for,
)
from soukloop.core.db.clock import database_now
from soukloop.core.error_codes import CoreErrorCode
from soukloop.core.errors import Conflict, Forbidden, NotAuthenticated
from soukloop.realtime.sessions import close_user_sessions_on_commit

PASSWORD_CHANGED = gettext_noop("The password was changed. Log in again.")


@dataclass(frozen=True)
class Login:
    """The tokens of one login, and its user."""

    user: User
    access_token: str
    refresh_token: str
    expires_in: int = int(AccessToken.lifetime.total_seconds())


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
        raise Forbidden(_("This account is banned."), code=AccountsErrorCode.ACCOUNT_BANNED)
    remember_login(user, ip)
    return open_login(user)


def open_login(user: User) -> Login:
    """Create a refresh family for an authenticated user and set `last_login_at`.

    Raises NotAuthenticated if the account is closed.
    """
    now = database_now()
    check_account_open(user)
    return _sign_login(create_family(user, now), user)


def create_family(user: User, now: datetime) -> RefreshFamily:
    """Create the row of a login and set the user's `last_login_at`."""
    family = RefreshFamily.objects.create(user=user, current_jti=uuid.uuid4().hex, rotated_at=now)
    user.last_login_at = now
    User.objects.filter(pk=user.pk).update(last_login_at=now)
    return family


def untouched_login(*, family_id: object, is_repeated: bool) -> Login:
    """Return the tokens that a login began with, always the same ones, for a response that is sent again.

    Only while the login has not ended and none of its tokens was used: a repeated request must not give
    anybody a way in that they have lost. Raises Conflict (registration_replayed).
    """
    with transaction.atomic():
        family = _locked_family(family_id)
        if (
            family is None
            or family.revoked_at is not None
            or family.previous_jti
            or family.is_current_used
            or not family.user.is_active
        ):
            raise Conflict(
                _("This registration was answered before, and its login is in use or has ended. Log in."),
                code=AccountsErrorCode.REGISTRATION_REPLAYED,
            )
    user, issued_at = family.user, family.rotated_at
    age = database_now() - issued_at if is_repeated else timedelta(0)
    expires_in = max(0, int((AccessToken.lifetime - age).total_seconds()))
    access_token = access_token_for(user, family, issued_at)
    return Login(user, access_token, refresh_token_for(family, user), expires_in)


def refresh_login(*, refresh_token: str) -> Login:
    """Exchange a refresh token for a new pair (contract 1.7); earlier access tokens stay valid.

    Exactly one use rotates the family. The same token again is a retry or a parallel request, and gets the
    same successor, until that was used: itself, or an access token that was issued with it. After that the
    token counts as stolen, and the family ends. Raises NotAuthenticated.
    """
    claims = decode(RefreshToken, refresh_token)
    now = database_now()
    with transaction.atomic():
        family = _locked_family(claims.get("fam"))
        user = check_token_subject(family.user if family else None, claims["ver"])
        is_accepted = family is not None and _rotate(family, str(claims["jti"]), now)
    # After the transaction, so that raising does not roll back the end of the family.
    if family is None or not is_accepted:
        raise NotAuthenticated(_("This session has ended. Log in again."), code=CoreErrorCode.TOKEN_REVOKED)
    return _sign_login(family, user)


def log_out(*, refresh_token: str) -> None:
    """End the login of a refresh token; a login that has ended is no error."""
    claims = decode(RefreshToken, refresh_token)
    end_login(user_id=UUID(claims["sub"]), family_id=claims.get("fam"))


def end_login(*, user_id: UUID, family_id: object) -> None:
    """End one login: its refresh token and its sockets; its access token stays valid until it expires."""
    if family := parse_uuid(family_id):
        with transaction.atomic():
            _end_family(user_id, family, gettext_noop("You were logged out. Log in again."))


def _end_family(user_id: UUID, family_id: UUID, reason: str) -> None:
    families = RefreshFamily.objects.filter(pk=family_id, user_id=user_id, revoked_at=None)
    if families.update(revoked_at=database_now(), end_reason=reason):
        close_user_sessions_on_commit(user_id, reason, family_id=family_id)
        hooks.logins_ended(user_id, family_id)


def log_out_everywhere(*, actor: User) -> None:
    """End every login of the actor: access tokens, refresh tokens and sockets."""
    with transaction.atomic():
        end_all_logins(actor, gettext_noop("You were logged out on all devices. Log in again."))


def end_all_logins(user: User, reason: str) -> None:
    """Revoke a user's tokens and close their sockets with this reason, in the caller's transaction."""
    User.objects.filter(pk=user.pk).update(token_version=F("token_version") + 1)
    user.refresh_from_db(fields=["token_version"])
    families = RefreshFamily.objects.filter(user=user, revoked_at=None)
    families.update(revoked_at=database_now(), end_reason=reason)
    close_user_sessions_on_commit(user.pk, reason, before_version=user.token_version)
    hooks.logins_ended(user.pk, None)


def delete_expired_staff_sessions() -> int:
    """Delete the sessions of the admin that have expired; return how many."""
    return Session.objects.filter(expire_date__lt=database_now()).delete()[0]


def delete_expired_families() -> int:
    """Delete the families whose refresh token has expired; return the number."""
    cutoff = database_now() - RefreshToken.lifetime
    return RefreshFamily.objects.filter(rotated_at__lt=cutoff).delete()[0]


def _locked_family(family_id: object) -> RefreshFamily | None:
    key = parse_uuid(family_id)
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
        family.is_current_used = False
        family.save(update_fields=["previous_jti", "current_jti", "rotated_at", "is_current_used"])
        return True
    if jti == family.previous_jti and not family.is_current_used:
        return True
    _end_family(family.user_id, family.pk, gettext_noop("A refresh token was used twice. Log in again."))
    return False


def _sign_login(family: RefreshFamily, user: User) -> Login:
    return Login(user, access_token_for(user, family), refresh_token_for(family, user))


def _wrong_credentials() -> NotAuthenticated:
    return NotAuthenticated(_("Wrong identifier or password."), code=AccountsErrorCode.INVALID_CREDENTIALS)
