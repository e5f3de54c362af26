"""The expected statuses of the routes of notifications, for `soukloop/tests/test_permissions.py`."""

from typing import Any

from notifications.tests.factories import make_device
from soukloop.tests.people import People

# A visitor, a stranger, the buyer, the seller.
STATUSES = {
    "GET /api/v1/devices": (401, 200, 200, 200),
    "POST /api/v1/devices": (401, 400, 400, 400),
    "GET /api/v1/devices/web-push-key": (200, 200, 200, 200),
    "DELETE /api/v1/devices/<uuid:device_id>": (401, 404, 204, 404),
    "GET /api/v1/notifications": (401, 200, 200, 200),
    "POST /api/v1/notifications/read": (401, 400, 400, 400),
    "GET /api/v1/notifications/unread-count": (401, 200, 200, 200),
}


def make_rows(people: People) -> dict[str, Any]:
    """Register a device of the buyer's."""
    return {"device_id": make_device(people.buyer).pk}
