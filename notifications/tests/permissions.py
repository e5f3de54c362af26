"""The expected statuses of the routes of notifications, for `soukloop/tests/test_permissions.py`."""

from typing import Any

from notifications.models import Notification
from notifications.notification_kinds import PASSWORD_CHANGED
from notifications.services.notify import notify
from notifications.tests.factories import make_device
from soukloop.tests.people import People

# A visitor, a stranger, the buyer, the seller.
STATUSES = {
    "GET /api/v1/devices": (401, 200, 200, 200),
    "POST /api/v1/devices": (401, 400, 400, 400),
    "GET /api/v1/devices/web-push-key": (200, 200, 200, 200),
    "DELETE /api/v1/devices/<uuid:device_id>": (401, 404, 204, 404),
    "GET /api/v1/notifications": (401, 200, 200, 200),
    "DELETE /api/v1/notifications/<uuid:notification_id>": (401, 404, 204, 404),
    "POST /api/v1/notifications/<uuid:notification_id>/read": (401, 404, 200, 404),
    "POST /api/v1/notifications/read": (401, 400, 400, 400),
    "GET /api/v1/notifications/settings": (401, 200, 200, 200),
    "PATCH /api/v1/notifications/settings": (401, 400, 400, 400),
    "GET /api/v1/notifications/unread-count": (401, 200, 200, 200),
}


def make_rows(people: People) -> dict[str, Any]:
    """Register a device of the buyer's, and notify the buyer."""
    notify(user_ids=[people.buyer.pk], kind=PASSWORD_CHANGED, params={}, data={})
    notification = Notification.objects.get(user=people.buyer, kind=PASSWORD_CHANGED.name)
    return {"device_id": make_device(people.buyer).pk, "notification_id": notification.pk}
