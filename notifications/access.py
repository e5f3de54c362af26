"""How a device or notification reaches its owner."""

from uuid import UUID

from django.utils.translation import gettext_lazy as _

from accounts.models import User
from notifications.error_codes import NotificationsErrorCode
from notifications.models import Device, Notification
from soukloop.core.errors import NotFound


def own_device(user: User, device_id: UUID, *, lock: bool = False) -> Device:
    """Return a device of the user's; raises NotFound (device_not_found), also for other people's."""
    devices = Device.objects.select_for_update() if lock else Device.objects.all()
    device = devices.filter(pk=device_id, user=user).first()
    if device is None:
        raise NotFound(_("Device not found."), code=NotificationsErrorCode.DEVICE_NOT_FOUND)
    return device


def own_notification(user: User, notification_id: UUID, *, lock: bool = False) -> Notification:
    """Return a notification in the user's inbox; raises NotFound (notification_not_found)."""
    rows = Notification.objects.select_for_update() if lock else Notification.objects.all()
    notification = rows.filter(pk=notification_id, user=user, is_in_inbox=True).first()
    if notification is None:
        raise NotFound(_("Notification not found."), code=NotificationsErrorCode.NOTIFICATION_NOT_FOUND)
    return notification
