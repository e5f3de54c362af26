"""What people are addressed by: emails, usernames and phone numbers, each brought to one spelling."""

import re

import phonenumbers
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator

_email = EmailValidator()
_USERNAME = re.compile(r"(?=.*[a-z])[a-z0-9](?:[._]?[a-z0-9])*", re.IGNORECASE | re.ASCII)


def normal_email(text: str) -> str | None:
    """Return the email in lower case, or None when it isn't one.

    ASCII only: letters that lower-case into ASCII ones would make two addresses look like one.
    """
    text = text.strip()
    if len(text) > 254 or not text.isascii():
        return None
    try:
        _email(text)
    except ValidationError:
        return None
    return text.lower()


def normal_phone(text: str) -> str | None:
    """Return the number as E.164, or None when it isn't one; without a country code it is a local one."""
    text = text.strip()
    # libphonenumber also reads letters (1-800-FLOWERS), which would make phones of usernames.
    if len(text) > 40 or any(character.isalpha() for character in text):
        return None
    try:
        number = phonenumbers.parse(text, settings.PHONE_DEFAULT_REGION)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number) or number.extension:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def is_username(text: str) -> bool:
    """Tell whether this may be a username: 3 to 30 letters, digits, single dots and underscores.

    One letter at least keeps usernames and phone numbers apart.
    """
    return 3 <= len(text) <= 30 and _USERNAME.fullmatch(text) is not None


def normal_identifier(text: str) -> str:
    """Return the one spelling under which login and one-time codes know an email, phone or username."""
    return normal_email(text) or normal_phone(text) or text.strip().lower()
