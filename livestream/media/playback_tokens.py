"""Playback tokens: the part of a media address that says until when, and by whom, a stream may be watched.

A token is URL-safe text: when it expires, the viewer's id if only that viewer may use it, and a keyed hash of
both and of the stream's public id. While it is used, the web process also checks whether the stream may still
be watched.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

VALID_FOR = timedelta(hours=12)
# Within each six hours a stream's token is the same for everyone, so that a CDN can cache the video. A token
# that is handed out is valid for another 6 to 12 hours.
_RENEWED_EVERY = VALID_FOR // 2
_EXPIRY_BYTES, _VIEWER_BYTES, _MAC_BYTES = 4, 16, 12


class PlaybackToken(NamedTuple):
    """What a valid token says; `viewer_id` is None in one that everybody may use."""

    expires_at: datetime
    viewer_id: UUID | None


def make_token(public_id: str, *, viewer_id: UUID | None) -> str:
    """Return a token for a stream, of 22 characters, or 43 with a viewer."""
    period = int(_RENEWED_EVERY.total_seconds())
    expires_at = (int(timezone.now().timestamp()) // period + 2) * period
    content = expires_at.to_bytes(_EXPIRY_BYTES, "big") + (viewer_id.bytes if viewer_id else b"")
    return urlsafe_b64encode(content + _macs(public_id, content)[0]).decode().rstrip("=")


def read_token(token: str, public_id: str) -> PlaybackToken | None:
    """Return what a token says; None if it was not made for this stream, or has expired."""
    try:
        decoded = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (ValueError, binascii.Error):
        return None
    content, mac = decoded[:-_MAC_BYTES], decoded[-_MAC_BYTES:]
    if len(content) not in (_EXPIRY_BYTES, _EXPIRY_BYTES + _VIEWER_BYTES):
        return None
    if not any(constant_time_compare(mac, right) for right in _macs(public_id, content)):
        return None
    expires_at = datetime.fromtimestamp(int.from_bytes(content[:_EXPIRY_BYTES], "big"), UTC)
    if expires_at <= timezone.now():
        return None
    viewer = content[_EXPIRY_BYTES:]
    return PlaybackToken(expires_at, UUID(bytes=viewer) if viewer else None)


def _macs(public_id: str, content: bytes) -> list[bytes]:
    value = public_id.encode() + b"/" + content
    return [
        salted_hmac("livestream.playback", value, secret=secret, algorithm="sha256").digest()[:_MAC_BYTES]
        for secret in (settings.MEDIA_SECRET, *settings.MEDIA_SECRET_FALLBACKS)
    ]
