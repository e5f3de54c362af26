"""Serializer fields for emails, phones, usernames, passwords and one-time codes."""

import re
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from accounts.identifiers import is_username, normalize_email, normalize_phone
from soukloop.core.typed_text import normalize_code, remove_direction_marks

_OTP = re.compile("[0-9]{6}", re.ASCII)


class EmailAddressField(serializers.CharField):
    """An email address, normalized to lower case."""

    default_error_messages = {"not_an_email": _("Enter an email address.")}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=254, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        email = normalize_email(super().to_internal_value(data))
        if email is None:
            self.fail("not_an_email")
        return email


class PhoneField(serializers.CharField):
    """A phone number in any spelling, normalized to E.164; an empty string becomes None."""

    default_error_messages = {"not_a_phone": _("Enter a phone number, such as +971 50 123 4567.")}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=40, allow_null=True, allow_blank=True, **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> str | None:
        return super().run_validation(data) or None

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not text:
            return ""
        phone = normalize_phone(text)
        if phone is None:
            self.fail("not_a_phone")
        return phone


class UsernameField(serializers.CharField):
    default_error_messages = {
        "not_a_username": _(
            "Use 3 to 30 letters, digits, single dots or underscores, with at least one letter."
        )
    }

    def to_internal_value(self, data: Any) -> str:
        username = remove_direction_marks(super().to_internal_value(data)).strip()
        if not is_username(username):
            self.fail("not_a_username")
        return username


class PasswordField(serializers.CharField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=128, trim_whitespace=False, write_only=True, **kwargs)


class OtpField(serializers.CharField):
    """A one-time code in digits of any script, with or without spaces and dashes."""

    default_error_messages = {"invalid": _("Enter the six-digit code.")}

    def to_internal_value(self, data: Any) -> str:
        code = normalize_code(super().to_internal_value(data))
        if not _OTP.fullmatch(code):
            self.fail("invalid")
        return code
