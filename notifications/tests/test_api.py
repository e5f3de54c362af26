"""The inbox over REST, and its screen in the admin."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from accounts.tests.factories import client_for, make_staff, make_user
from notifications.kinds import KINDS
from notifications.models import Notification, NotificationSettings
from notifications.notification_kinds import PASSWORD_CHANGED
from notifications.serializers.inbox import NotificationOutput
from notifications.services.notify import notify
from notifications.tests.factories import P256DH, make_device, make_notification
from soukloop.realtime.testing import Captured

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
        with django_assert_num_queries(5):  # the caller, the settings, the count, the page, the unread
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


def test_the_inbox_is_read_by_cursor_while_it_grows() -> None:
    me = make_user()
    for n in range(5):
        make_notification(me, str(n))
    client = client_for(me)
    seen, cursor = [], ""
    while True:
        data = client.get(f"{URL}?per_page=2&cursor={cursor}").json()["data"]
        seen += [item["title"] for item in data["items"]]
        make_notification(me, "newer")
        if not (cursor := data["next_cursor"]):
            break
    assert seen == ["4", "3", "2", "1", "0"]
    assert data["has_more"] is False
    assert client.get(f"{URL}?cursor=nonsense").status_code == 400
    assert client.get(f"{URL}?cursor={'A' * 201}").status_code == 400


def test_texts_are_in_the_readers_present_language_with_links() -> None:
    me = make_user()
    notify(user_ids=[me.pk], kind=PASSWORD_CHANGED, params={}, data={})
    client = client_for(me)
    english = client.get(URL).json()["data"]["items"][0]
    client.patch("/api/v1/auth/me", {"language": "ar"})
    arabic = client.get(URL).json()["data"]["items"][0]
    assert english["title"] == "Your password was changed"
    assert any("\u0621" <= letter <= "\u064a" for letter in arabic["title"])
    assert english["link"] == "soukloop://account/security"
    assert english["web_link"].endswith("/account/security")


def test_what_is_switched_off_for_the_inbox_is_not_in_it() -> None:
    me = make_user()
    NotificationSettings.objects.create(user=me, off=["inbox:test"])
    make_notification(me)
    client = client_for(me)
    hidden = Notification.objects.get()
    data = client.get(URL).json()["data"]
    assert (data["items"], data["unread_count"]) == ([], 0)
    assert client.post(f"{URL}/{hidden.pk}/read").status_code == 404
    assert client.delete(f"{URL}/{hidden.pk}").status_code == 404


def test_one_is_marked_read_and_deleted_and_the_other_devices_hear_of_it(
    captured_events: Captured, django_capture_on_commit_callbacks: Any
) -> None:
    me = make_user()
    for n in range(3):
        make_notification(me, str(n))
    client, first = client_for(me), Notification.objects.order_by("created_at")[0]
    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(2):
            item = client.post(f"{URL}/{first.pk}/read").json()["data"]
            assert (item["id"], item["is_read"]) == (str(first.pk), True)
        assert client.delete(f"{URL}/{first.pk}").status_code == 204
        assert client.delete(f"{URL}/{first.pk}").json()["error"]["code"] == "notification_not_found"
        client.post(f"{URL}/read", {"all": True})
        client.post(f"{URL}/read", {"all": True})
    told = [data for _, event, data in captured_events if event == "notification:read"]
    assert all(data.pop("timestamp") for data in told)
    assert told == [
        {"notificationIds": [str(first.pk)], "isDeleted": False, "unreadCount": 2},
        {"notificationIds": [str(first.pk)], "isDeleted": True, "unreadCount": 2},
        {"notificationIds": None, "isDeleted": False, "unreadCount": 0},
    ]
    assert Notification.objects.count() == 2


def test_times_in_texts_are_those_of_the_readers_time_zone() -> None:
    me = make_user()
    params = {"actor": "@noura", "stream": "Drop", "time": {"at": "2026-11-27T16:00:00Z"}}
    data = {"stream_id": str(me.pk), "seller_id": str(me.pk), "category": "sneakers"}
    notify(user_ids=[me.pk], kind=KINDS["stream_scheduled"], params=params, data=data)
    client = client_for(me)
    assert "27 Nov 2026, 20:00" in client.get(URL).json()["data"]["items"][0]["title"]
    client.patch(f"{URL}/settings", {"time_zone": "Europe/London"})
    assert "27 Nov 2026, 16:00" in client.get(URL).json()["data"]["items"][0]["title"]


@pytest.mark.parametrize("platform", ["fcm", "webpush"])
def test_staff_never_see_a_whole_token_or_key(platform: str) -> None:
    device = make_device(make_user(), platform, p256dh=P256DH, auth="AAAAAAAAAAAAAAAAAAAAAA")
    browser = Client()
    browser.force_login(make_staff())
    for address in ("", f"{device.pk}/change/"):
        page = browser.get(f"/admin/notifications/device/{address}").content.decode()
        assert str(device.pk) in page
        for secret in (device.token, device.token_digest, device.p256dh, device.auth):
            assert secret not in page
    assert browser.get(f"/admin/notifications/device/?token={device.token}").status_code in (302, 400)
