"""Requests that are refused because of the user or the stream's status."""

from typing import Any

import pytest
from django.utils import timezone

from accounts.tests.factories import block, client_for, make_seller
from livestream.models import Stream
from livestream.tests.factories import make_live_stream, make_stream
from soukloop.tests.routes import SOME_ID

pytestmark = pytest.mark.django_db
NO_STREAM = f"/api/v1/streams/{SOME_ID}"
# Method, path after the stream's, body. Only the owner may send these requests.
OWNERS_ONLY = [
    ("patch", "/settings", {"title": "Mine now"}),
    ("post", "/go-live", {"camera_ready": True, "checklist_complete": True}),
    ("post", "/end", {}),
    ("post", "/cancel", {}),
    ("post", "/rotate-key", {}),
    ("get", "/analytics", None),
    ("post", f"/products/{SOME_ID}", {}),
    ("delete", f"/products/{SOME_ID}", None),
    ("post", f"/products/{SOME_ID}/tag", {"x": 0, "y": 0, "timestamp_seconds": 0}),
    ("patch", "/chat", {"enable_chat": False}),
    ("post", "/mutes", {"user_id": str(SOME_ID)}),
    ("delete", f"/mutes/{SOME_ID}", None),
    ("post", "/moderators", {"user_id": str(SOME_ID)}),
    ("delete", f"/moderators/{SOME_ID}", None),
    ("delete", f"/chat/{SOME_ID}", None),
]


@pytest.mark.parametrize(("method", "path", "body"), OWNERS_ONLY)
def test_strangers_are_refused_and_change_nothing(method: str, path: str, body: Any) -> None:
    stream = make_live_stream()
    before = Stream.objects.values().get()
    url = f"/api/v1/streams/{stream.pk}{path}"
    assert getattr(client_for(make_seller()), method)(url, body).status_code == 403
    blocked = make_seller()
    block(stream.seller, blocked)
    assert getattr(client_for(blocked), method)(url, body).status_code == 404
    assert getattr(client_for(make_seller()), method)(NO_STREAM + path, body).status_code == 404
    assert Stream.objects.values().get() == before


@pytest.mark.parametrize(
    ("status", "path", "code"),
    [
        ("scheduled", "/end", "stream_not_live"),
        ("ended", "/end", "stream_not_live"),
        ("ended", "/go-live", "stream_not_scheduled"),
        ("cancelled", "/go-live", "stream_not_scheduled"),
        ("live", "/cancel", "stream_not_scheduled"),
        ("scheduled", "/rotate-key", "stream_not_live"),
    ],
)
def test_an_action_in_the_wrong_status_is_a_conflict(status: str, path: str, code: str) -> None:
    now = timezone.now()
    stream = make_stream(
        status=status,
        started_at=now if status in ("live", "ended") else None,
        ended_at=now if status == "ended" else None,
    )
    body = {"camera_ready": True, "checklist_complete": True} if path == "/go-live" else {}
    response = client_for(stream.seller).post(f"/api/v1/streams/{stream.pk}{path}", body)
    assert (response.status_code, response.json()["error"]["code"]) == (409, code)
    stream.refresh_from_db()
    assert stream.status == status
