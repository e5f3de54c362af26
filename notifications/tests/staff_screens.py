"""The admin screens of notifications, each with a factory of its rows."""

from accounts.tests.factories import make_user
from notifications.models import Device, Notification, NotificationSettings, Push
from notifications.tests.factories import make_device
from offers.tests.factories import make_offer
from soukloop.core.db.clock import database_now


def make_push() -> Push:
    """Write a push, and an offer whose seller is notified."""
    offer = make_offer()
    now = database_now()
    return Push.objects.create(
        device=make_device(offer.seller, "webpush"),
        notification=Notification.objects.filter(user=offer.seller).latest("created_at"),
        version=1,
        priority=Push.Priority.HIGH,
        not_before=now,
        expires_at=now,
    )


SCREENS = {
    Notification: make_offer,  # its seller is notified
    Device: lambda: make_device(make_user()),
    Push: make_push,
    NotificationSettings: lambda: NotificationSettings.objects.create(user=make_user()),
}
