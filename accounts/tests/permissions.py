"""The expected statuses of the routes of accounts, for `soukloop/tests/test_permissions.py`."""

from typing import Any

from accounts.tests.factories import make_user
from soukloop.tests.people import People

# A visitor, a stranger, the buyer, the seller.
STATUSES = {
    "GET /api/v1/auth/blocks": (401, 200, 200, 200),
    "GET /api/v1/auth/mutes": (401, 200, 200, 200),
    "POST /api/v1/auth/change-password": (401, 400, 400, 400),
    "POST /api/v1/auth/login": (400, 400, 400, 400),
    "POST /api/v1/auth/logout": (401, 200, 200, 200),
    "POST /api/v1/auth/logout-all": (401, 200, 200, 200),
    "DELETE /api/v1/auth/me": (401, 400, 400, 400),
    "GET /api/v1/auth/me": (401, 200, 200, 200),
    "PATCH /api/v1/auth/me": (401, 200, 200, 200),
    "DELETE /api/v1/auth/me/avatar": (401, 200, 200, 200),
    "POST /api/v1/auth/me/delete": (401, 400, 400, 400),
    "POST /api/v1/auth/me/avatar": (401, 415, 415, 415),
    "POST /api/v1/auth/refresh": (400, 400, 400, 400),
    "POST /api/v1/auth/register": (400, 400, 400, 400),
    "POST /api/v1/auth/reset-password": (400, 400, 400, 400),
    "POST /api/v1/auth/send-otp": (400, 400, 400, 400),
    "POST /api/v1/auth/verify-otp": (400, 400, 400, 400),
    "POST /api/v1/auth/ws-ticket": (401, 200, 200, 200),
    "GET /api/v1/users": (401, 400, 400, 400),
    "GET /api/v1/users/by-username/<str:username>": (200, 200, 200, 200),
    "GET /api/v1/users/<uuid:user_id>": (200, 200, 200, 200),
    "DELETE /api/v1/users/<uuid:user_id>/block": (401, 200, 200, 200),
    "POST /api/v1/users/<uuid:user_id>/block": (401, 200, 200, 200),
    "DELETE /api/v1/users/<uuid:user_id>/mute": (401, 200, 200, 200),
    "POST /api/v1/users/<uuid:user_id>/mute": (401, 200, 200, 200),
    "DELETE /api/v1/users/<uuid:user_id>/follow": (401, 200, 200, 200),
    "POST /api/v1/users/<uuid:user_id>/follow": (401, 200, 200, 200),
    "GET /api/v1/users/<uuid:user_id>/followers": (401, 200, 200, 200),
    "GET /api/v1/users/<uuid:user_id>/following": (401, 200, 200, 200),
}
BODIES = {"PATCH /api/v1/auth/me": '{"bio": "Sneakers"}'}


def make_rows(people: People) -> dict[str, Any]:
    """Make somebody whom all of them may look at."""
    somebody = make_user()
    return {"user_id": somebody.pk, "username": somebody.username}
