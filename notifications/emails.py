"""The daily email of unread notifications, and the links in it that end these emails."""

import hashlib
from collections.abc import Sequence
from datetime import date
from email.utils import parseaddr
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import ngettext

from accounts.models import User
from notifications.kinds import web_link
from notifications.models import Notification
from notifications.texts import path_of, render, zone_of

_SALT = "notifications.unsubscribe"


class Digest(NamedTuple):
    """What one person's email of a day has: the latest unread notifications, and how many there are."""

    user: User
    day: date
    time_zone: str
    notifications: Sequence[Notification]
    total: int


def digest_email(digest: Digest) -> EmailMultiAlternatives:
    """Return the email, in the person's language, with one-click unsubscribing (RFC 8058)."""
    user, unsubscribe = digest.user, unsubscribe_url(digest.user.pk)
    with translation.override(user.language), timezone.override(zone_of(digest.time_zone)):
        subject = ngettext(
            "You have %(count)d unread notification", "You have %(count)d unread notifications", digest.total
        ) % {"count": digest.total}
        context = {
            "subject": subject,
            "language": user.language,
            "direction": "rtl" if translation.get_language_bidi() else "ltr",
            "start": "right" if translation.get_language_bidi() else "left",
            "items": [_item(notification, digest) for notification in digest.notifications],
            "more": digest.total - len(digest.notifications),
            "inbox_url": web_link("notifications"),
            "unsubscribe_url": unsubscribe,
        }
        message = EmailMultiAlternatives(
            subject,
            render_to_string("notifications/digest.txt", context),
            to=[str(user.email)],
            headers={
                "Message-ID": _message_id(digest),
                "List-Unsubscribe": f"<{unsubscribe}>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
                "Auto-Submitted": "auto-generated",  # RFC 3834: answered by no absence note
                "Precedence": "bulk",
                "Content-Language": user.language,
            },
        )
        message.attach_alternative(render_to_string("notifications/digest.html", context), "text/html")
    return message


def unsubscribe_url(user_id: UUID) -> str:
    """Return the address that ends a person's emails, for whoever has it, without a login."""
    return f"{settings.BASE_URL}/unsubscribe/{signing.Signer(salt=_SALT).sign(user_id.hex)}"


def user_id_of_unsubscribe_token(token: str) -> UUID | None:
    """Return whom a token of such an address belongs to, or None for one that we haven't signed."""
    try:
        return UUID(hex=signing.Signer(salt=_SALT).unsign(token))
    except (signing.BadSignature, ValueError):
        return None


def _item(notification: Notification, digest: Digest) -> dict[str, object]:
    text = render(notification.kind, notification.params, digest.user.language, time_zone=digest.time_zone)
    return {
        "title": text.title,
        "body": text.body,
        "created_at": notification.created_at,
        "url": web_link(path_of(notification)),
    }


def _message_id(digest: Digest) -> str:
    """Return the same id for the same person and day, by which mail programs recognize a second copy."""
    digits = hashlib.sha256(f"digest:{digest.user.pk}:{digest.day}".encode()).hexdigest()[:32]
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].partition("@")[2] or "localhost"
    return f"<{digits}@{domain}>"
