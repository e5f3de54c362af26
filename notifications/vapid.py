"""The key pair that a Web Push subscription is bound to (RFC 8292)."""

from base64 import urlsafe_b64encode
from functools import cache

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from py_vapid import Vapid, VapidException


def read_private_key(text: str) -> Vapid:
    """Read VAPID_PRIVATE_KEY, PEM or base64url; raises ImproperlyConfigured."""
    try:
        return (
            Vapid.from_pem(text.strip().encode()) if "-----BEGIN" in text else Vapid.from_string(text.strip())
        )
    except (ValueError, TypeError, VapidException) as error:
        raise ImproperlyConfigured(f"VAPID_PRIVATE_KEY can't be read: {error}") from error


def public_key() -> str:
    """Return what a page gives to `pushManager.subscribe` as applicationServerKey; empty without a key."""
    return _public_key(settings.VAPID_PRIVATE_KEY) if settings.VAPID_PRIVATE_KEY else ""


@cache
def _public_key(private: str) -> str:
    point = read_private_key(private).public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return urlsafe_b64encode(point).rstrip(b"=").decode()
