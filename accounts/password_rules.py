"""What a new password must be like, for this person."""

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext, gettext_noop

from accounts.models import User

# What Django's validator may find a password too similar to.
_SIMILAR_TO = (gettext_noop("username"), gettext_noop("email"), gettext_noop("full name"))


def password_problems(password: str, user: User | None = None) -> list[str]:
    """Return every reason why the password is too weak, in the active language."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        for problem in error.error_list:
            if problem.params and (name := problem.params.get("verbose_name")):
                problem.params["verbose_name"] = gettext(name)
        return error.messages
    return []
