"""Emails, usernames and phone numbers: checking them, and normalizing them to one spelling."""

import re

import phonenumbers
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator

from soukloop.core.typed_text import normalize_digits, remove_direction_marks

_validate_email = EmailValidator(allowlist=[])  # without "localhost"
_NOT_IN_EMAILS = {*' "[]()<>,;:\\'}  # quoted parts, which may hold anything, and addresses in brackets
# Top-level domains without a mail server on the internet (RFC 6761, 6762 and 8375, and usual in networks).
_PRIVATE_DOMAINS = frozenset(
    ["arpa", "corp", "home", "internal", "intranet", "invalid", "lan", "local", "localdomain", "localhost"]
)
_USERNAME = re.compile(r"(?=.*[a-z])[a-z0-9](?:[._]?[a-z0-9])*", re.IGNORECASE | re.ASCII)


def normalize_email(text: str) -> str | None:
    """Return the email in lower case, or None if it is not the valid address of a mailbox on the internet.

    ASCII only, because some other letters become ASCII in lower case and would merge two addresses.
    """
    text = remove_direction_marks(text).strip()
    if len(text) > 254 or not text.isascii() or not text.isprintable() or _NOT_IN_EMAILS & {*text}:
        return None
    try:
        _validate_email(text)
    except ValidationError:
        return None
    email = text.lower()
    return None if email.rpartition(".")[2] in _PRIVATE_DOMAINS else email


def normalize_phone(text: str) -> str | None:
    """Return the number as E.164, or None if it is invalid; the default region is PHONE_DEFAULT_REGION."""
    text = normalize_digits(text).strip()
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
    return normalize_email(text) or normalize_phone(text) or remove_direction_marks(text).strip().lower()
