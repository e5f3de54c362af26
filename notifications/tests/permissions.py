"""The expected statuses of the routes of notifications, for `soukloop/tests/test_permissions.py`."""

# A visitor, a stranger, the buyer, the seller.
STATUSES = {
    "GET /api/v1/notifications": (401, 200, 200, 200),
    "POST /api/v1/notifications/read": (401, 400, 400, 400),
    "GET /api/v1/notifications/unread-count": (401, 200, 200, 200),
}
