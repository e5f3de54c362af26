"""Passwords: checking, changing, and resetting with a one-time code."""

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts import hooks
from accounts.access import lock_user
from accounts.models import User
from accounts.password_rules import password_problems
from accounts.services import otp
from accounts.services.contacts import confirm_contact
from accounts.services.logins import PASSWORD_CHANGED, Login, end_all_logins, open_login
from accounts.services.password_attempts import limited_confirmation
from soukloop.core.errors import DomainError, ValidationFailed


def check_new_password(password: str, user: User | None = None, field: str = "password") -> None:
    """Raise ValidationFailed with every reason why the password is too weak for this person."""
    if problems := password_problems(password, user):
        raise ValidationFailed(details={field: problems})


def check_current_password(user: User, password: str, field: str) -> None:
    """Raise ValidationFailed for a wrong password, RateLimited after too many wrong ones."""
    with limited_confirmation(user) as attempt:
        if not user.check_password(password):
            attempt.keep()
            raise ValidationFailed(details={field: [_("The password is wrong.")]})


def change_password(*, actor: User, current_password: str, new_password: str) -> Login:
    """Set a new password, end every login and open a new one for this client."""
    with transaction.atomic():
        user = lock_user(actor.pk)
        check_current_password(user, current_password, "current_password")
        check_new_password(new_password, user, "new_password")
        _set_password(user, new_password)
        return open_login(user)


def reset_password(*, identifier: str, code: str, new_password: str, ip: str) -> None:
    """Set a new password for the account whose contact the code proves, and end every login.

    What else the proof does: `confirm_contact`. The code remains usable if the password is too weak. Raises
    ValidationFailed, BadRequest (otp_invalid), Conflict (contact_released).
    """
    check_new_password(new_password, field="new_password")

    def set_new_password(user: User) -> DomainError | None:
        refusal = confirm_contact(user, identifier, is_recovery=True)
        if refusal is None:
            check_new_password(new_password, user, "new_password")
            _set_password(user, new_password)
        return refusal

    otp.redeem_code(identifier=identifier, code=code, ip=ip, on_success=set_new_password)


def _set_password(user: User, password: str) -> None:
    user.set_password(password)
    user.save(update_fields=["password", "updated_at"])
    end_all_logins(user, PASSWORD_CHANGED)
    hooks.password_changed(user)
