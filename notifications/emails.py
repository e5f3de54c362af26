"""The daily email of unread notifications, with a link that ends it, and emails of single notices."""

import hashlib
from collections.abc import Sequence
from datetime import date, datetime
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
    """One person's email of a day: the latest unread notifications until a time, and how many there are."""

    user: User
    until: datetime
    time_zone: str
    notifications: Sequence[Notification]
    total: int


class Notice(NamedTuple):
    """A notification that is emailed by itself, to an address that its owner has or just lost."""

    notification: Notification
    address: str
    time_zone: str


def digest_email(digest: Digest) -> EmailMultiAlternatives:
    """Return the email, in the person's language, with one-click unsubscribing (RFC 8058)."""
    user, unsubscribe = digest.user, unsubscribe_url(digest.user.pk)
    with translation.override(user.language), timezone.override(zone_of(digest.time_zone)):
        subject = ngettext(
            "You have %(count)d unread notification", "You have %(count)d unread notifications", digest.total
        ) % {"count": digest.total}
        context = {
            **_layout(subject, user.language),
            "items": [
                _item(notification, user.language, digest.time_zone) for notification in digest.notifications
            ],
            "more": digest.total - len(digest.notifications),
            "inbox_url": web_link("notifications"),
            "unsubscribe_url": unsubscribe,
        }
        message = EmailMultiAlternatives(
            subject,
            render_to_string("notifications/digest.txt", context),
            to=[str(user.email)],
            headers={
                "Message-ID": _message_id(f"digest:{user.pk}:{_day_of(digest)}"),
                "List-Unsubscribe": f"<{unsubscribe}>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
                "Auto-Submitted": "auto-generated",  # RFC 3834: answered by no absence note
                "Precedence": "bulk",
                "Content-Language": user.language,
            },
        )
        message.attach_alternative(render_to_string("notifications/digest.html", context), "text/html")
    return message


def notice_email(notice: Notice) -> EmailMultiAlternatives:
    """Return the email of one notification, in the person's language, whose title is the subject."""
    notification, language = notice.notification, notice.notification.user.language
    with translation.override(language), timezone.override(zone_of(notice.time_zone)):
        item = _item(notification, language, notice.time_zone)
        subject = str(item["title"])
        context = {**_layout(subject, language), "item": item}
        message = EmailMultiAlternatives(
            subject,
            render_to_string("notifications/notice.txt", context),
            to=[notice.address],
            headers={
                "Message-ID": _message_id(f"notice:{notification.pk}:{notification.version}"),
                "Auto-Submitted": "auto-generated",
                "Content-Language": language,
            },
        )
        message.attach_alternative(render_to_string("notifications/notice.html", context), "text/html")
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


def _layout(subject: str, language: str) -> dict[str, object]:
    is_bidi = translation.get_language_bidi()
    return {
        "subject": subject,
        "language": language,
        "direction": "rtl" if is_bidi else "ltr",
        "start": "right" if is_bidi else "left",
    }


def _item(notification: Notification, language: str, time_zone: str) -> dict[str, object]:
    text = render(notification.kind, notification.params, language, time_zone=time_zone)
    return {
        "title": text.title,
        "body": text.body,
        "created_at": notification.created_at,
        "url": web_link(path_of(notification)),
    }


def _day_of(digest: Digest) -> date:
    return digest.until.astimezone(zone_of(digest.time_zone)).date()


def _message_id(name: str) -> str:
    """Return the same id for the same name, by which mail programs recognize a second copy."""
    digits = hashlib.sha256(name.encode()).hexdigest()[:32]
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].partition("@")[2] or "localhost"
    return f"<{digits}@{domain}>"
