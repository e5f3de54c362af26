"""Inputs and outputs of registration, login, logout and socket tickets."""

from typing import Any

from rest_framework import serializers

from accounts.models import User
from accounts.password_rules import password_problems
from accounts.reserved_usernames import RESERVED_MESSAGE, is_reserved_username
from accounts.serializers.fields import EmailAddressField, PasswordField, PhoneField, UsernameField
from accounts.serializers.profiles import MeOutput
from soukloop.core.http.fields import PlainTextField

_SIMILARITY_MAX_LENGTH = 254  # of an email, the longest that a valid request has


class RegisterInput(serializers.Serializer[None]):
    """A new account; one answer has the errors of all fields, also of a weak password."""

    email = EmailAddressField()
    username = UsernameField()
    password = PasswordField()
    phone = PhoneField(required=False, default=None)
    full_name = PlainTextField(max_length=150, required=False, allow_blank=True, default="")
    role = serializers.ChoiceField(choices=User.Role.choices, required=False, default=User.Role.BUYER)
    language = serializers.ChoiceField(
        choices=User.Language.choices,
        required=False,
        help_text="Of notifications and emails. Default: what `Accept-Language` prefers, else en",
    )

    def to_internal_value(self, data: Any) -> Any:
        self._sent = data
        return super().to_internal_value(data)

    def validate_username(self, value: str) -> str:
        if is_reserved_username(value):
            raise serializers.ValidationError(RESERVED_MESSAGE)
        return value

    def validate_password(self, value: str) -> str:
        # The other fields as they were sent: those that are invalid count for the similarity, too.
        names = ("email", "username", "full_name")
        texts = {name: text for name in names if isinstance(text := self._sent.get(name), str)}
        person = User(**{name: text[:_SIMILARITY_MAX_LENGTH] for name, text in texts.items()})
        if problems := password_problems(value, person):
            raise serializers.ValidationError(problems)
        return value


class LoginInput(serializers.Serializer[None]):
    identifier = serializers.CharField(max_length=254, help_text="Email, username or phone")
    password = PasswordField()


class RefreshInput(serializers.Serializer[None]):
    refresh_token = serializers.CharField(max_length=4096)


class LogoutInput(serializers.Serializer[None]):
    refresh_token = serializers.CharField(
        max_length=4096, required=False, help_text="Default: the login of the access token ends"
    )


class LoginOutput(serializers.Serializer[None]):
    access_token = serializers.CharField()
    refresh_token = serializers.CharField()
    token_type = serializers.ChoiceField(choices=["bearer"])
    expires_in = serializers.IntegerField(help_text="Seconds until the access token expires")
    user = MeOutput()


class WsTicketOutput(serializers.Serializer[None]):
    ticket = serializers.CharField()
    expires_in = serializers.IntegerField()


class ConfirmationOutput(serializers.Serializer[None]):
    """What was done, in words."""

    message = serializers.CharField()
