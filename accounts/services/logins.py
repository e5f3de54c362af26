"""Logins: opened with a password, kept alive by rotating refresh tokens, ended one by one or all at once."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.identifiers import normal_identifier
from accounts.models import RefreshFamily, User
from accounts.selectors import user_by_identifier
from accounts.tokens import RefreshToken, access_token_for, check_user, decode, refresh_token_of
from soukloop.core.errors import Forbidden, NotAuthenticated
from soukloop.core.redis import rate_limits
from soukloop.realtime.sessions import close_user_sessions_on_commit


@dataclass(frozen=True)
class Login:
    """What a client gets to stay logged in."""

    user: User
    access_token: str
    refresh_token: str


def log_in(*, identifier: str, password: str) -> Login:
    """Log in by email, username or phone (contract 1.5).

    An unknown identifier and a wrong password take the same time and get the same answer. That an account
    is banned is told only to who knows its password. Raises NotAuthenticated (invalid_credentials), Forbidden
    (account_banned), RateLimited.
    """
    rate_limits.hit("login_identifier", normal_identifier(identifier))
    user = user_by_identifier(identifier)
    if user is None or not user.has_usable_password():
        make_password(password)
        raise _wrong_credentials()
    if not user.check_password(password):
        raise _wrong_credentials()
    if user.banned_at is not None:
        raise Forbidden("This account was banned.", code="account_banned")
    return open_login(user)


def open_login(user: User) -> Login:
    """Start a refresh family for somebody who has just proven who they are; notes `last_login_at`."""
    now = timezone.now()
    check_user(user, user.token_version)
    family = RefreshFamily.objects.create(user=user, current_jti=uuid.uuid4().hex, rotated_at=now)
    user.last_login_at = now
    User.objects.filter(pk=user.pk).update(last_login_at=now)
    return _login(family, user)


def refresh(*, refresh_token: str) -> Login:
    """Exchange a refresh token for a new pair (contract 1.7); access tokens in circulation stay good.

    Exactly one use rotates the family. The same token again within REFRESH_GRACE is a lost answer (or a
    parallel twin): it gets the very successor that the first use got. Later it is a copy in the wrong hands,
    and the family ends. Raises NotAuthenticated.
    """
    claims = decode(RefreshToken, refresh_token)
    now = timezone.now()
    with transaction.atomic():
        family = _locked_family(claims.get("fam"))
        user = check_user(family.user if family else None, claims["ver"])
        is_accepted = family is not None and _rotate(family, str(claims["jti"]), now)
    # Outside: the end of a family must outlive the refusal.
    if family is None or not is_accepted:
        raise NotAuthenticated("This login was ended. Log in again.", code="token_revoked")
    return _login(family, user)


def log_out(*, refresh_token: str) -> None:
    """End the login this refresh token belongs to; one that has ended already stays so."""
    claims = decode(RefreshToken, refresh_token)
    end_login(family_id=claims.get("fam"))


def end_login(*, family_id: object) -> None:
    """End one login; its access token lives on until it expires, sockets belong to the person."""
    if family := _uuid(family_id):
        RefreshFamily.objects.filter(pk=family, revoked_at=None).update(revoked_at=timezone.now())


def log_out_everywhere(*, actor: User) -> None:
    """End every login of the person: tokens, refresh tokens, sockets."""
    with transaction.atomic():
        end_all_logins(actor, "You were logged out everywhere. Log in again.")


def end_all_logins(user: User, reason: str) -> None:
    """Refuse every token made so far and close the person's sockets, which are told the reason.

    Part of the caller's transaction.
    """
    User.objects.filter(pk=user.pk).update(token_version=F("token_version") + 1)
    user.refresh_from_db(fields=["token_version"])
    RefreshFamily.objects.filter(user=user, revoked_at=None).update(revoked_at=timezone.now())
    close_user_sessions_on_commit(user.pk, reason)


def forget_dead_families() -> int:
    """Delete the families whose refresh token has expired; return how many."""
    cutoff = timezone.now() - settings.SIMPLE_JWT["REFRESH_TOKEN_LIFETIME"]
    return RefreshFamily.objects.filter(rotated_at__lt=cutoff).delete()[0]


def _locked_family(family_id: object) -> RefreshFamily | None:
    key = _uuid(family_id)
    if key is None:
        return None
    families = RefreshFamily.objects.select_related("user").select_for_update(of=("self",))
    return families.filter(pk=key).first()


def _rotate(family: RefreshFamily, jti: str, now: datetime) -> bool:
    """Move the locked family on, or end it; tell whether this `jti` may have the current token."""
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


def _login(family: RefreshFamily, user: User) -> Login:
    return Login(user, access_token_for(user, family), refresh_token_of(family, user))


def _uuid(value: object) -> UUID | None:
    try:
        return UUID(str(value))
    except ValueError:
        return None


def _wrong_credentials() -> NotAuthenticated:
    return NotAuthenticated("Wrong identifier or password.", code="invalid_credentials")
