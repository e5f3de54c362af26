"""Inputs and outputs of registration, login, logout and socket tickets."""

from rest_framework import serializers

from accounts.models import User
from accounts.serializers.fields import EmailAddressField, PasswordField, PhoneField, UsernameField
from accounts.serializers.profiles import MeOutput
from soukloop.core.http.fields import PlainTextField


class RegisterInput(serializers.Serializer[None]):
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
