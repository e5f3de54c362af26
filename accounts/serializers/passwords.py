"""Inputs and outputs of one-time codes and passwords."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from accounts.identifiers import normalize_email, normalize_identifier, normalize_phone
from accounts.serializers.fields import OtpField, PasswordField


class SendOtpInput(serializers.Serializer[None]):
    identifier = serializers.CharField(max_length=254, help_text="Email or phone")
    type = serializers.ChoiceField(
        choices=["email", "phone", "sms"],
        required=False,
        help_text="`sms` means the same as `phone`. Default: recognised from the identifier",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        email, phone = normalize_email(attrs["identifier"]), normalize_phone(attrs["identifier"])
        kind = attrs.get("type", "phone" if phone else "email")
        address = email if kind == "email" else phone
        if address is None:
            message = _("Enter an email address.") if kind == "email" else _("Enter a phone number.")
            raise serializers.ValidationError({"identifier": [message]})
        return {"identifier": address}


class VerifyOtpInput(serializers.Serializer[None]):
    identifier = serializers.CharField(max_length=254, help_text="Email or phone that the code was sent to")
    otp_code = OtpField()

    def validate_identifier(self, value: str) -> str:
        return normalize_identifier(value)


class ResetPasswordInput(VerifyOtpInput):
    new_password = PasswordField()


class ChangePasswordInput(serializers.Serializer[None]):
    current_password = PasswordField()
    new_password = PasswordField()


class OtpSentOutput(serializers.Serializer[None]):
    success = serializers.BooleanField()
    message = serializers.CharField()
    expires_in = serializers.IntegerField()


class OtpVerifiedOutput(serializers.Serializer[None]):
    success = serializers.BooleanField()
    message = serializers.CharField()
