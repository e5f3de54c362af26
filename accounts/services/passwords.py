"""Passwords: what makes a good one, changing it, and setting a new one with a one-time code."""

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.access import locked_user
from accounts.models import User
from accounts.services import otp
from accounts.services.logins import Login, end_all_logins, open_login
from soukloop.core.errors import ValidationFailed
from soukloop.core.redis import rate_limits


def check_new_password(password: str, user: User | None = None, field: str = "password") -> None:
    """Raise ValidationFailed with every reason why this is a weak password (for this person)."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise ValidationFailed(details={field: error.messages}) from error


def check_current_password(user: User, password: str, field: str) -> None:
    """Raise ValidationFailed unless this is the person's password, RateLimited after too many tries."""
    rate_limits.hit_user("password", user.pk)
    if not user.check_password(password):
        raise ValidationFailed(details={field: ["This isn't your password."]})


def change_password(*, actor: User, current_password: str, new_password: str) -> Login:
    """Set a new password, end every login and open one for this client."""
    with transaction.atomic():
        user = locked_user(actor.pk)
        check_current_password(user, current_password, "current_password")
        check_new_password(new_password, user, "new_password")
        _set(user, new_password)
        return open_login(user)


def reset_password(*, identifier: str, code: str, new_password: str) -> None:
    """Set a new password for whoever holds the code; every login ends. A weak one leaves the code usable.

    Raises ValidationFailed, BadRequest (otp_invalid).
    """
    check_new_password(new_password, field="new_password")

    def set_new(user: User) -> None:
        check_new_password(new_password, user, "new_password")
        user.is_verified = True
        _set(user, new_password)

    otp.redeem_code(identifier=identifier, code=code, then=set_new)


def _set(user: User, password: str) -> None:
    user.set_password(password)
    user.save(update_fields=["password", "is_verified", "updated_at"])
    end_all_logins(user, "The password was changed. Log in again.")
