"""Emails, usernames and phone numbers: checking them, and normalizing them to one spelling."""

import re

import phonenumbers
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator

_validate_email = EmailValidator()
_USERNAME = re.compile(r"(?=.*[a-z])[a-z0-9](?:[._]?[a-z0-9])*", re.IGNORECASE | re.ASCII)


def normalize_email(text: str) -> str | None:
    """Return the email in lower case, or None if it is not a valid address.

    ASCII only, because some other letters become ASCII in lower case and would merge two addresses.
    """
    text = text.strip()
    if len(text) > 254 or not text.isascii():
        return None
    try:
        _validate_email(text)
    except ValidationError:
        return None
    return text.lower()


def normalize_phone(text: str) -> str | None:
    """Return the number as E.164, or None if it is invalid; the default region is PHONE_DEFAULT_REGION."""
    text = text.strip()
    # libphonenumber also reads letters (1-800-FLOWERS), so that a username could pass for a phone number.
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
    """Return whether this is a valid username: 3 to 30 letters, digits, single dots and underscores.

    At least one letter, so that no username is a phone number.
    """
    return 3 <= len(text) <= 30 and _USERNAME.fullmatch(text) is not None


def normalize_identifier(text: str) -> str:
    """Return the canonical spelling of an email, phone or username: the key of limits and one-time codes."""
    return normalize_email(text) or normalize_phone(text) or text.strip().lower()
