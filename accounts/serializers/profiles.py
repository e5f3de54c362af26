"""Inputs and outputs of the current user's own account."""

from typing import Any

from rest_framework import serializers

from accounts.models import User
from accounts.serializers.fields import EmailAddressField, PasswordField, PhoneField, UsernameField
from soukloop.core.http.fields import LocationField, PlainTextField, location_body
from soukloop.core.images import PictureOutput, picture, public_url


class ProfileInput(serializers.Serializer[None]):
    email = EmailAddressField(required=False)
    phone = PhoneField(required=False)
    username = UsernameField(required=False)
    full_name = PlainTextField(max_length=150, required=False, allow_blank=True)
    language = serializers.ChoiceField(
        choices=User.Language.choices, required=False, help_text="Of notifications and emails"
    )
    bio = PlainTextField(has_lines=True, max_length=500, required=False, allow_blank=True)
    role = serializers.ChoiceField(choices=User.Role.choices, required=False)
    neighborhood = PlainTextField(max_length=100, required=False, allow_blank=True)
    location = LocationField(required=False, allow_null=True, help_text="Only you can see it")
    current_password = PasswordField(required=False, help_text="Required for a new email or phone")


class DeleteAccountInput(serializers.Serializer[None]):
    password = PasswordField()


class MeOutput(serializers.Serializer[None]):
    """The current user's own account (contract 1.6)."""

    id = serializers.UUIDField()
    email = serializers.EmailField(allow_null=True)
    is_email_confirmed = serializers.BooleanField(help_text="Only a confirmed contact recovers the account")
    username = serializers.CharField()
    phone = serializers.CharField(allow_null=True, help_text="E.164")
    is_phone_confirmed = serializers.BooleanField()
    full_name = serializers.CharField()
    role = serializers.ChoiceField(choices=User.Role.choices)
    language = serializers.ChoiceField(choices=User.Language.choices, help_text="Of notifications and emails")
    bio = serializers.CharField()
    avatar_url = serializers.URLField(allow_null=True)
    avatar = PictureOutput(allow_null=True)
    neighborhood = serializers.CharField()
    location = LocationField(allow_null=True)
    is_verified = serializers.BooleanField(help_text="Email or phone confirmed with a code")
    has_verified_badge = serializers.BooleanField(help_text="Identity checked by staff")
    is_active = serializers.BooleanField()
    last_login_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


def me_body(user: User) -> dict[str, Any]:
    return {
        "id": user.pk,
        "email": user.email,
        "is_email_confirmed": user.email_confirmed_at is not None,
        "username": user.username,
        "phone": user.phone,
        "is_phone_confirmed": user.phone_confirmed_at is not None,
        "full_name": user.full_name,
        "role": user.role,
        "language": user.language,
        "bio": user.bio,
        "avatar_url": public_url(user.avatar),
        "avatar": picture(user.avatar),
        "neighborhood": user.neighborhood,
        "location": user.location and location_body(user.location),
        "is_verified": user.is_verified,
        "has_verified_badge": user.has_verified_badge,
        "is_active": user.is_active,
        "last_login_at": user.last_login_at,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
    }
