"""Creating accounts, and keeping emails, usernames and phones unique."""

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, Value
from django.db.models.functions import Lower
from django.db.models.lookups import Exact
from django.utils.translation import gettext_lazy as _

from accounts.error_codes import AccountsErrorCode
from accounts.models import RefreshFamily, User
from accounts.reserved_usernames import RESERVED_MESSAGE, is_reserved_username
from accounts.services.logins import create_family
from accounts.services.passwords import check_new_password
from soukloop.core.db.clock import database_now
from soukloop.core.errors import Conflict, ValidationFailed

_TAKEN_MESSAGES = {
    "email": _("An account with this email already exists."),
    "username": _("This username is taken."),
    "phone": _("An account with this phone number already exists."),
}
_CONSTRAINTS = {"user_email_once": "email", "user_username_once": "username", "user_phone_once": "phone"}


def register(**fields: Any) -> RefreshFamily:
    """Create an account and its first login (contract 1.1); raises as `register_user`."""
    with transaction.atomic():
        return create_family(register_user(**fields), database_now())


def register_user(
    *,
    email: str,
    username: str,
    password: str,
    phone: str | None,
    full_name: str,
    role: str,
    language: str = User.Language.EN,
) -> User:
    """Create an account; email and phone must be normalized.

    Raises ValidationFailed for a weak password, Conflict (email_taken, username_taken, phone_taken).
    """
    user = User(
        email=email, username=username, phone=phone, full_name=full_name, role=role, language=language
    )
    check_new_password(password, user)
    check_available(user, ["email", "username", "phone"])
    user.set_password(password)
    save_unique(user)
    return user


def check_available(user: User, fields: list[str]) -> None:
    """Raise Conflict, with details for each of these fields, if another account has the same value.

    Raises ValidationFailed for a username that would pass for the company or its staff.
    """
    if "username" in fields and is_reserved_username(user.username):
        raise ValidationFailed(details={"username": [RESERVED_MESSAGE]})
    taken = [
        field
        for field in fields
        if User.objects.filter(_same_value_condition(user, field)).exclude(pk=user.pk).exists()
    ]
    if taken:
        raise _conflict(taken)


def save_unique(user: User, **options: Any) -> None:
    """Save; raises Conflict if another transaction has just taken one of the unique values."""
    try:
        with transaction.atomic():
            user.save(**options)
    except IntegrityError as error:
        constraint = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
        if constraint not in _CONSTRAINTS:
            raise
        raise _conflict([_CONSTRAINTS[constraint]]) from error


def _same_value_condition(user: User, field: str) -> Any:
    value = getattr(user, field)
    if field == "phone":
        return Q(phone=value) if value else Q(pk=None)
    return Exact(Lower(field), Value(value.lower())) if value else Q(pk=None)


def _conflict(taken: list[str]) -> Conflict:
    message = _TAKEN_MESSAGES[taken[0]]
    details = {field: [_TAKEN_MESSAGES[field]] for field in taken}
    match taken[0]:
        case "email":
            return Conflict(message, code=AccountsErrorCode.EMAIL_TAKEN, details=details)
        case "username":
            return Conflict(message, code=AccountsErrorCode.USERNAME_TAKEN, details=details)
    return Conflict(message, code=AccountsErrorCode.PHONE_TAKEN, details=details)
