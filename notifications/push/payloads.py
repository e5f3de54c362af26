"""What goes over the wire to a device: JSON that is cut to the size which push services take."""

import hashlib
import json
import unicodedata
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from notifications.push.channels import Message

# FCM and Apple take 4,096 bytes of keys and values; what FCM adds for Apple is counted in.
FCM_BYTES_MAX = 3900
# RFC 8291: 4,096 bytes of ciphertext, less the header of RFC 8188, the padding's delimiter and the tag.
WEB_PUSH_BYTES_MAX = 3993
APNS_COLLAPSE_ID_BYTES_MAX = 64
_TOPIC_LENGTH = 32  # RFC 8030
_ISOLATES, _POP_ISOLATE, _JOINER = "\u2066\u2067\u2068", "\u2069", "\u200d"


def fcm_message(token: str, message: Message, *, now: datetime) -> bytes:
    """Return the body of a request to FCM's HTTP v1 API."""

    def build(message: Message) -> dict[str, Any]:
        urgent = message.is_urgent
        return {
            "token": token,
            "notification": {"title": message.title, "body": message.body},
            "data": {
                **message.data,
                "kind": message.kind,
                "notification_id": str(message.notification_id),
                "link": message.link,
                "url": message.url,
            },
            "android": {
                "collapse_key": message.collapse_key,
                "priority": "HIGH" if urgent else "NORMAL",
                "ttl": f"{_seconds_left(message, now)}s",
                "notification": {"tag": message.collapse_key, "notification_count": message.badge},
            },
            "apns": {
                "headers": {
                    "apns-collapse-id": shorten_key(message.collapse_key, APNS_COLLAPSE_ID_BYTES_MAX),
                    "apns-priority": "10" if urgent else "5",
                    "apns-expiration": str(int(message.expires_at.timestamp())),
                },
                "payload": {
                    "aps": {"badge": message.badge, "sound": "default", "thread-id": message.collapse_key}
                },
            },
            "fcm_options": {"analytics_label": message.kind},
        }

    return _encode({"message": build(_fit(message, build, FCM_BYTES_MAX + len(token)))})


def web_push_payload(message: Message) -> bytes:
    """Return what a service worker's `push` event gets."""

    def build(message: Message) -> dict[str, Any]:
        return {
            "title": message.title,
            "body": message.body,
            "kind": message.kind,
            "notification_id": str(message.notification_id),
            "link": message.link,
            "url": message.url,
            "badge": message.badge,
            "tag": message.collapse_key,
            "language": message.language,
            "direction": "rtl" if message.language == "ar" else "ltr",
            "data": dict(message.data),
        }

    return _encode(build(_fit(message, build, WEB_PUSH_BYTES_MAX)))


def web_push_topic(collapse_key: str) -> str:
    """Return the Topic of a collapse key: the service keeps only the newest push of each."""
    return urlsafe_b64encode(hashlib.sha256(collapse_key.encode()).digest()).decode()[:_TOPIC_LENGTH]


def ttl(message: Message, now: datetime) -> str:
    """Return for how many seconds the push service may keep it."""
    return str(_seconds_left(message, now))


def shorten_key(key: str, bytes_max: int) -> str:
    """Return a key as it is, or a digest of one that is too long."""
    return key if len(key.encode()) <= bytes_max else hashlib.sha256(key.encode()).hexdigest()[:bytes_max]


def cut(text: str, fits: Callable[[str], bool]) -> str:
    """Return the text, or as much of its beginning with an ellipsis as fits.

    It is cut between characters as people see them, and what isolates a direction is closed again.
    """
    if fits(text):
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if fits(_beginning(text, middle)):
            low = middle
        else:
            high = middle - 1
    return _beginning(text, low)


def _beginning(text: str, length: int) -> str:
    while 0 < length < len(text) and _belongs_together(text, length):
        length -= 1
    kept = text[:length].rstrip()
    still_open = 0
    for character in kept:
        if character in _ISOLATES:
            still_open += 1
        elif character == _POP_ISOLATE and still_open:
            still_open -= 1
    return f"{kept}{_POP_ISOLATE * still_open}…"


def _belongs_together(text: str, index: int) -> bool:
    """Say whether one visible character reaches over this place."""
    after, before = text[index], text[index - 1]
    if _JOINER in (after, before) or unicodedata.category(after) in ("Mn", "Me", "Mc"):
        return True
    if (
        "\U0001f3fb" <= after <= "\U0001f3ff" or "\U000e0020" <= after <= "\U000e007f"
    ):  # skin tones, flags' tags
        return True
    if _is_flag_letter(after) and _is_flag_letter(before):
        start = index
        while start and _is_flag_letter(text[start - 1]):
            start -= 1
        return (index - start) % 2 == 1
    return False


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _fit(message: Message, build: Callable[[Message], dict[str, Any]], bytes_max: int) -> Message:
    """Cut the body, and if that is not enough the title, so that what is built of them is small enough."""

    def size(message: Message) -> int:
        return len(_encode(build(message)))

    if size(message) <= bytes_max:
        return message
    body = cut(message.body, lambda text: size(replace(message, body=text)) <= bytes_max)
    message = replace(message, body=body)
    title = cut(message.title, lambda text: size(replace(message, title=text)) <= bytes_max)
    return replace(message, title=title)


def _seconds_left(message: Message, now: datetime) -> int:
    return max(0, int((message.expires_at - now).total_seconds()))


def _encode(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
