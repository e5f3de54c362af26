"""The inbox over REST, and its screen in the admin."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from accounts.tests.factories import client_for, make_staff, make_user
from notifications.models import Notification
from notifications.serializers.inbox import NotificationOutput
from notifications.tests.factories import make_notification

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("test_kinds")]
URL = "/api/v1/notifications"


def test_the_inbox_lists_the_users_notifications_latest_first_in_pages() -> None:
    me, other = make_user(), make_user()
    for n in range(3):
        make_notification(me, str(n), n=n)
    make_notification(other, "other's")
    client = client_for(me)
    data = client.get(f"{URL}?per_page=2").json()["data"]
    assert [item["title"] for item in data["items"]] == ["2", "1"]
    assert (data["total"], data["has_more"], data["unread_count"]) == (3, True, 3)
    assert set(data["items"][0]) == set(NotificationOutput().fields)
    assert data["items"][0]["data"] == {"n": 2}
    assert data["items"][0]["is_read"] is False


def test_some_and_then_all_notifications_are_marked_read() -> None:
    me = make_user()
    for n in range(3):
        make_notification(me, str(n))
    client = client_for(me)
    first = client.get(URL).json()["data"]["items"][0]["id"]
    assert client.post(f"{URL}/read", {"ids": [first]}).json()["data"] == {"marked": 1, "unread_count": 2}
    assert client.get(f"{URL}/unread-count").json()["data"] == {"unread_count": 2}
    unread = client.get(f"{URL}?unread=true").json()["data"]
    assert [item["title"] for item in unread["items"]] == ["1", "0"]
    assert client.post(f"{URL}/read", {"all": True}).json()["data"] == {"marked": 2, "unread_count": 0}
    assert client.get(f"{URL}?unread=true").json()["data"]["total"] == 0


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"ids": None},
        {"ids": "x"},
        {"ids": ["x"]},
        {"ids": [str(uuid4())], "all": True},
        {"ids": [str(uuid4())] * 101},
        {"all": "perhaps"},
    ],
)
def test_an_invalid_request_marks_nothing_as_read(body: dict[str, Any]) -> None:
    me = make_user()
    make_notification(me, "T")
    response = client_for(me).post(f"{URL}/read", body)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "validation_error"
    assert Notification.objects.get().read_at is None


def test_other_peoples_notifications_are_ignored() -> None:
    other = make_user()
    make_notification(other, "T")
    row = Notification.objects.get()
    data = client_for(make_user()).post(f"{URL}/read", {"ids": [str(row.pk)]}).json()["data"]
    assert data == {"marked": 0, "unread_count": 0}
    row.refresh_from_db()
    assert row.read_at is None


def test_a_guest_has_no_inbox(client: Any) -> None:
    for method, path in (("get", ""), ("get", "/unread-count"), ("post", "/read")):
        assert getattr(client, method)(URL + path).status_code == 401


def test_listing_takes_a_constant_number_of_queries(django_assert_num_queries: Any) -> None:
    me = make_user()
    client = client_for(me)
    for count in (1, 19):
        for n in range(count):
            make_notification(me, str(n))
        with django_assert_num_queries(4):  # the caller, the count, the page, the unread
            client.get(URL)


def test_staff_view_inboxes_and_cannot_change_them() -> None:
    me = make_user()
    make_notification(me, "A title")
    browser = Client()
    browser.force_login(make_staff())
    page = browser.get(f"/admin/notifications/notification/?q={me.username}")
    assert "A title" in page.content.decode()
    row = Notification.objects.get()
    assert browser.get(f"/admin/notifications/notification/{row.pk}/change/").status_code == 200
    assert browser.get("/admin/notifications/notification/add/").status_code == 403
    assert browser.post(f"/admin/notifications/notification/{row.pk}/delete/").status_code == 403
