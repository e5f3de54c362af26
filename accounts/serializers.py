"""The shapes of requests and answers about people."""

from typing import Any

from django.contrib.gis.geos import Point
from rest_framework import serializers

from accounts.identifiers import is_username, normal_email, normal_identifier, normal_phone
from accounts.models import User
from soukloop.core.http.fields import PlainTextField
from soukloop.core.images import public_url

Dict = dict[str, Any]


class EmailAddressField(serializers.CharField):
    """An email, in lower case afterwards."""

    default_error_messages = {"not_an_email": "Enter an email address."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=254, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        email = normal_email(super().to_internal_value(data))
        if email is None:
            self.fail("not_an_email")
        return email


class PhoneField(serializers.CharField):
    """A phone number in any spelling, E.164 afterwards; an empty one is none."""

    default_error_messages = {"not_a_phone": "Enter a phone number, such as +971 50 123 4567."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=40, allow_null=True, allow_blank=True, **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> str | None:
        return super().run_validation(data) or None

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not text:
            return ""
        phone = normal_phone(text)
        if phone is None:
            self.fail("not_a_phone")
        return phone


class UsernameField(serializers.CharField):
    default_error_messages = {
        "not_a_username": "3 to 30 letters, digits, single dots or underscores, with at least one letter."
    }

    def to_internal_value(self, data: Any) -> str:
        username = super().to_internal_value(data)
        if not is_username(username):
            self.fail("not_a_username")
        return username


class PasswordField(serializers.CharField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=128, trim_whitespace=False, write_only=True, **kwargs)


class LocationField(serializers.Serializer[Any]):
    """A point on the map; only its owner ever sees it."""

    latitude = serializers.FloatField(min_value=-90, max_value=90)
    longitude = serializers.FloatField(min_value=-180, max_value=180)

    def to_internal_value(self, data: Any) -> Point:
        place = super().to_internal_value(data)
        return Point(place["longitude"], place["latitude"], srid=4326)

    def to_representation(self, instance: Point) -> Dict:
        return {"latitude": instance.y, "longitude": instance.x}


class RegisterSerializer(serializers.Serializer[Any]):
    email = EmailAddressField()
    username = UsernameField()
    password = PasswordField()
    phone = PhoneField(required=False, default=None)
    full_name = PlainTextField(max_length=150, required=False, allow_blank=True, default="")
    role = serializers.ChoiceField(choices=User.Role.choices, required=False, default=User.Role.BUYER)


class LoginSerializer(serializers.Serializer[Any]):
    identifier = serializers.CharField(max_length=254, help_text="Email, username or phone")
    password = PasswordField()


class SendOtpSerializer(serializers.Serializer[Any]):
    identifier = serializers.CharField(max_length=254, help_text="Email or phone")
    type = serializers.ChoiceField(
        choices=["email", "phone", "sms"],
        required=False,
        help_text="`sms` is `phone`; else as it looks",
    )

    def validate(self, attrs: Dict) -> Dict:
        email, phone = normal_email(attrs["identifier"]), normal_phone(attrs["identifier"])
        kind = attrs.get("type", "phone" if phone else "email")
        address = email if kind == "email" else phone
        if address is None:
            wanted = "an email address" if kind == "email" else "a phone number"
            raise serializers.ValidationError({"identifier": [f"Enter {wanted}."]})
        return {"identifier": address}


class OtpField(serializers.RegexField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(r"\A[0-9]{6}\Z", error_messages={"invalid": "Six digits."}, **kwargs)


class VerifyOtpSerializer(serializers.Serializer[Any]):
    identifier = serializers.CharField(max_length=254, help_text="Email or phone, as sent")
    otp_code = OtpField()

    def validate_identifier(self, value: str) -> str:
        return normal_identifier(value)


class ResetPasswordSerializer(VerifyOtpSerializer):
    new_password = PasswordField()


class RefreshSerializer(serializers.Serializer[Any]):
    refresh_token = serializers.CharField(max_length=4096)


class LogoutSerializer(serializers.Serializer[Any]):
    refresh_token = serializers.CharField(
        max_length=4096, required=False, help_text="By default the login of the access token ends"
    )


class ChangePasswordSerializer(serializers.Serializer[Any]):
    current_password = PasswordField()
    new_password = PasswordField()


class DeleteAccountSerializer(serializers.Serializer[Any]):
    password = PasswordField()


class UpdateMeSerializer(serializers.Serializer[Any]):
    email = EmailAddressField(required=False)
    phone = PhoneField(required=False)
    username = UsernameField(required=False)
    full_name = PlainTextField(max_length=150, required=False, allow_blank=True)
    bio = PlainTextField(has_lines=True, max_length=500, required=False, allow_blank=True)
    role = serializers.ChoiceField(choices=User.Role.choices, required=False)
    neighborhood = PlainTextField(max_length=100, required=False, allow_blank=True)
    location = LocationField(required=False, allow_null=True)
    current_password = PasswordField(required=False, help_text="Only for a new email or phone")


class MeSerializer(serializers.ModelSerializer[User]):
    """A person to themself (contract 1.6)."""

    avatar_url = serializers.SerializerMethodField()
    location = LocationField(allow_null=True)
    last_login_at = serializers.DateTimeField(format=None, allow_null=True)
    created_at = serializers.DateTimeField(format=None)
    updated_at = serializers.DateTimeField(format=None)

    class Meta:
        model = User
        fields = (
            "id",
            "email",
            "username",
            "phone",
            "full_name",
            "role",
            "bio",
            "avatar_url",
            "neighborhood",
            "location",
            "is_verified",
            "has_verified_badge",
            "is_active",
            "last_login_at",
            "created_at",
            "updated_at",
        )

    def get_avatar_url(self, user: User) -> str | None:
        return public_url(user.avatar)


class LoginAnswerSerializer(serializers.Serializer[Any]):
    access_token = serializers.CharField()
    refresh_token = serializers.CharField()
    token_type = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds the access token is good for")
    user = MeSerializer()


class OtpSentSerializer(serializers.Serializer[Any]):
    success = serializers.BooleanField()
    message = serializers.CharField()
    expires_in = serializers.IntegerField()


class OtpVerifiedSerializer(serializers.Serializer[Any]):
    success = serializers.BooleanField()
    message = serializers.CharField()


class MessageSerializer(serializers.Serializer[Any]):
    message = serializers.CharField()


class WsTicketSerializer(serializers.Serializer[Any]):
    ticket = serializers.CharField()
    expires_in = serializers.IntegerField()


class PersonSerializer(serializers.Serializer[Any]):
    """A person in a list."""

    id = serializers.UUIDField()
    username = serializers.CharField()
    full_name = serializers.CharField()
    avatar_url = serializers.CharField(allow_null=True)
    role = serializers.CharField()
    is_verified = serializers.BooleanField()
    has_verified_badge = serializers.BooleanField()


class ListedPersonSerializer(PersonSerializer):
    is_following = serializers.BooleanField(help_text="Whether you follow them")


class ProfileSerializer(PersonSerializer):
    """A person to others: never email, phone or place."""

    bio = serializers.CharField()
    followers_count = serializers.IntegerField()
    following_count = serializers.IntegerField()
    is_following = serializers.BooleanField(help_text="Whether you follow them")
    created_at = serializers.DateTimeField()


class PageSerializer(serializers.Serializer[Any]):
    page = serializers.IntegerField()
    per_page = serializers.IntegerField()
    total = serializers.IntegerField()
    has_more = serializers.BooleanField()


class PeoplePageSerializer(PageSerializer):
    items = ListedPersonSerializer(many=True)


class BlockedPageSerializer(PageSerializer):
    items = PersonSerializer(many=True)


def person_body(user: User) -> Dict:
    """Return what anybody may know of a person."""
    return {
        "id": user.pk,
        "username": user.username,
        "full_name": user.full_name,
        "avatar_url": public_url(user.avatar),
        "role": user.role,
        "is_verified": user.is_verified,
        "has_verified_badge": user.has_verified_badge,
    }
