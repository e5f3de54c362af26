"""Inputs and outputs of devices."""

import re
from base64 import urlsafe_b64decode
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from notifications.models import Device
from notifications.web_push_hosts import is_allowed_endpoint
from soukloop.core.http.fields import PlainTextField
from soukloop.core.http.pagination import PageOutput

_TOKEN = re.compile(r"[A-Za-z0-9_:.\-]+", re.ASCII)
_LOCALE = re.compile(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*", re.ASCII)
_BASE64URL = re.compile(r"[A-Za-z0-9_\-]+=*", re.ASCII)
_AUTH_BYTES = 16  # RFC 8291, section 3.2


class KeysInput(serializers.Serializer[None]):
    p256dh = PlainTextField(max_length=100, help_text="Public key: a point on P-256, base64url")
    auth = PlainTextField(max_length=30, help_text="16 bytes, base64url")

    def validate_p256dh(self, text: str) -> str:
        try:
            EllipticCurvePublicKey.from_encoded_point(SECP256R1(), _decoded(text))
        except ValueError:
            raise serializers.ValidationError(_("Send the subscription's public key.")) from None
        return text.rstrip("=")

    def validate_auth(self, text: str) -> str:
        if len(_decoded(text)) != _AUTH_BYTES:
            raise serializers.ValidationError(_("Send the subscription's secret of 16 bytes."))
        return text.rstrip("=")


class SubscriptionInput(serializers.Serializer[None]):
    """What `JSON.stringify(subscription)` gives in a browser."""

    endpoint = PlainTextField(max_length=2000, help_text="Of one of the known push services")
    expirationTime = serializers.FloatField(required=False, allow_null=True, write_only=True)
    keys = KeysInput()

    def validate_endpoint(self, address: str) -> str:
        if not is_allowed_endpoint(address):
            raise serializers.ValidationError(_("Pushes are not sent to this address."))
        return address


class DeviceInput(serializers.Serializer[None]):
    """A `token` of FCM, or a `subscription` of a browser."""

    platform = serializers.ChoiceField(choices=Device.Platform.choices)
    token = PlainTextField(required=False, max_length=4096, help_text="FCM's registration token")
    subscription = SubscriptionInput(required=False)
    app_version = PlainTextField(required=False, max_length=50, allow_blank=True, default="")
    locale = PlainTextField(required=False, max_length=35, allow_blank=True, default="")

    def validate_token(self, token: str) -> str:
        if not _TOKEN.fullmatch(token):
            raise serializers.ValidationError(_("This is not a registration token of FCM."))
        return token

    def validate_locale(self, locale: str) -> str:
        if locale and not _LOCALE.fullmatch(locale):
            raise serializers.ValidationError(_("Use a language tag such as ar-AE."))
        return locale.replace("_", "-")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        needed = "token" if attrs["platform"] == Device.Platform.FCM else "subscription"
        other = "subscription" if needed == "token" else "token"
        platform = {"platform": attrs["platform"]}
        if needed not in attrs:
            raise serializers.ValidationError({needed: [_("Required for platform %(platform)s.") % platform]})
        if other in attrs:
            raise serializers.ValidationError({other: [_("Not for platform %(platform)s.") % platform]})
        if subscription := attrs.pop("subscription", None):
            attrs |= {"token": subscription["endpoint"], **subscription["keys"]}
        return attrs


class DeviceOutput(serializers.Serializer[None]):
    id = serializers.UUIDField()
    platform = serializers.ChoiceField(choices=Device.Platform.choices)
    app_version = serializers.CharField()
    locale = serializers.CharField()
    is_current = serializers.BooleanField(help_text="Registered by the login of this request")
    created_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(help_text="When the app last registered it")


class DevicePageOutput(PageOutput):
    items = DeviceOutput(many=True)


class WebPushKeyOutput(serializers.Serializer[None]):
    public_key = serializers.CharField(
        allow_null=True, help_text="applicationServerKey of `pushManager.subscribe`"
    )


def device_body(device: Device, login_id: UUID | None) -> dict[str, Any]:
    """Return a DeviceOutput, for a request of this login."""
    return {
        "id": device.pk,
        "platform": device.platform,
        "app_version": device.app_version,
        "locale": device.locale,
        "is_current": device.login_id is not None and device.login_id == login_id,
        "created_at": device.created_at,
        "last_used_at": device.last_used_at,
    }


def _decoded(text: str) -> bytes:
    """Decode base64url with or without padding; empty bytes where it isn't that."""
    if not _BASE64URL.fullmatch(text):
        return b""
    stripped = text.rstrip("=")
    try:
        return urlsafe_b64decode(stripped + "=" * (-len(stripped) % 4))
    except ValueError:
        return b""
