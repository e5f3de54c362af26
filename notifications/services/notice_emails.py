"""Emails of single notifications, at once: notices about the safety of the account."""

from functools import partial
from uuid import UUID

from django.core import mail
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from notifications.emails import Notice, notice_email
from notifications.models import Notification
from notifications.selectors import settings_of
from notifications.services.mail_sending import send_claimed
from soukloop.core.errors import Unavailable


def send_notice_email(*, notification_id: UUID) -> bool:
    """Email a notification to the address recorded in it, at most once; return whether it was sent.

    The address is deleted before sending, and put back only if the server certainly refused the email for
    now. A process that is killed in between has sent it or not: it isn't repeated. Raises Unavailable or
    OSError where the job is to be repeated.
    """
    if not Notification.objects.filter(pk=notification_id).exclude(email_to="").exists():
        return False
    server = mail.get_connection()
    server.open()
    try:
        notice = _claim_notice(notification_id)
        if notice is None:
            return False
        result = send_claimed(
            server,
            notice_email(notice),
            name=f"the email of notification {notification_id}",
            return_claim=partial(_return_claim, notice),
        )
    finally:
        server.close()
    if result == "refused":
        raise Unavailable(_("The mail server refused an email for now."))
    return result == "sent"


@transaction.atomic
def _claim_notice(notification_id: UUID) -> Notice | None:
    """Record the email as sent, and return it, unless it was sent or the account is closed."""
    row = (
        Notification.objects.select_for_update(of=("self",))
        .select_related("user")
        .filter(pk=notification_id)
        .first()
    )
    if row is None or not row.email_to:
        return None
    address, row.email_to = row.email_to, ""
    row.save(update_fields=["email_to"])
    if not row.user.is_active:
        return None
    return Notice(row, address, settings_of(row.user).time_zone)


def _return_claim(notice: Notice) -> None:
    Notification.objects.filter(pk=notice.notification.pk, email_to="").update(email_to=notice.address)
