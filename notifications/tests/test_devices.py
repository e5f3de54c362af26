"""Devices over REST: registering, moving to another account, limits, logging out."""

from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connections
from rest_framework.test import APIClient

from accounts.models import RefreshFamily, User
from accounts.services.logins import log_out_everywhere
from accounts.tests.calls import log_in
from accounts.tests.factories import client_for, make_user
from notifications.models import Device, Push
from notifications.services.devices import register_device
from notifications.tests.factories import P256DH, make_device, make_notification
from soukloop.core.errors import NotAuthenticated

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("test_kinds")]
URL = "/api/v1/devices"
APP = {"platform": "fcm", "token": "abc:APA91b-_x", "app_version": "2.4.1", "locale": "ar-AE"}
KEYS = {"p256dh": P256DH, "auth": "tBHItJI5svbpez7KI4CCXg"}
ENDPOINT = "https://updates.push.services.mozilla.com/wpush/v2/gAAAAABn"
BROWSER = {
    "platform": "webpush",
    "subscription": {"endpoint": ENDPOINT, "expirationTime": None, "keys": KEYS},
}


def test_an_app_registers_its_token_and_is_listed_without_it() -> None:
    me = make_user()
    client = client_for(me)
    first, again = client.post(URL, APP), client.post(URL, APP | {"app_version": "2.5"})
    assert (first.status_code, again.status_code) == (201, 200)
    [item] = client.get(URL).json()["data"]["items"]
    assert item == again.json()["data"]
    assert (item["id"], item["app_version"], item["locale"]) == (first.json()["data"]["id"], "2.5", "ar-AE")
    assert "abc:APA91b" not in first.content.decode()
    device = Device.objects.get()
    assert (device.user, device.token) == (me, "abc:APA91b-_x")


def test_a_browser_registers_its_subscription() -> None:
    client = client_for(make_user())
    assert client.post(URL, BROWSER).status_code == 201
    device = Device.objects.get()
    assert (device.token, device.p256dh, device.auth) == (ENDPOINT, P256DH, KEYS["auth"])


def test_a_browser_gets_the_key_to_subscribe_with(settings: Any) -> None:
    settings.VAPID_PRIVATE_KEY = ""
    guest = APIClient()
    assert guest.get(f"{URL}/web-push-key").json()["data"] == {"public_key": None}
    settings.VAPID_PRIVATE_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
    key = guest.get(f"{URL}/web-push-key").json()["data"]["public_key"]
    assert len(key) == 87


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "platform"),
        ({"platform": "apns", "token": "x"}, "platform"),
        ({"platform": "fcm"}, "token"),
        ({"platform": "fcm", "token": "x" * 4097}, "token"),
        ({"platform": "fcm", "token": "two words"}, "token"),
        ({"platform": "fcm", "token": "x\x00"}, "token"),
        ({"platform": "fcm", "token": 7.5}, "token"),
        ({"platform": "fcm", "token": "x", "subscription": BROWSER["subscription"]}, "subscription"),
        ({"platform": "webpush"}, "subscription"),
        ({"platform": "webpush", "token": "x"}, "subscription"),
        ({"platform": "webpush", "subscription": "x"}, "subscription"),
        ({"platform": "webpush", "subscription": {}}, "subscription"),
        ({"platform": "webpush", "subscription": {"endpoint": [ENDPOINT], "keys": KEYS}}, "subscription"),
        ({"platform": "webpush", "subscription": {"endpoint": ENDPOINT, "keys": "x"}}, "subscription"),
        (APP | {"locale": "ar AE"}, "locale"),
        (APP | {"app_version": "v" * 51}, "app_version"),
        (APP | {"user_id": "x"}, "user_id"),
    ],
)
def test_a_device_that_cannot_be_pushed_to_is_refused(body: dict[str, Any], field: str) -> None:
    answer = client_for(make_user()).post(URL, body)
    assert answer.status_code == 400
    assert field in answer.json()["error"]["details"]
    assert not Device.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"endpoint": "http://updates.push.services.mozilla.com/x"},
        {"endpoint": "https://127.0.0.1/x"},
        {"endpoint": "https://169.254.169.254/latest/meta-data"},
        {"endpoint": "https://localhost/x"},
        {"endpoint": "https://push.services.mozilla.com.evil.example/x"},
        {"endpoint": "https://updates.push.services.mozilla.com@evil.example/x"},
        {"endpoint": "https://evil.example/updates.push.services.mozilla.com"},
        {"endpoint": "file:///etc/passwd"},
        {"endpoint": "https://..push.services.mozilla.com/"},
        {"endpoint": f"https://{'a' * 64}.push.services.mozilla.com/"},
        {"endpoint": "https://evil\\.push.services.mozilla.com/"},
        {"endpoint": "https://127.0.0.1;.push.services.mozilla.com/"},
        {"endpoint": "https://127.0.0.1%00.push.services.mozilla.com/"},
        {"endpoint": "https://fcm.googleapis.com:8443/x"},
        {"endpoint": "https://fcm.googleapis.com/a b"},
        {"endpoint": "https://fcm.googleapis.com/x\r\nHost: evil"},
        {"endpoint": "https://[::1"},
        {"keys": {"p256dh": P256DH}},
        {"keys": {**KEYS, "p256dh": "AAAA"}},
        {"keys": {**KEYS, "p256dh": "B" + "A" * 86}},
        {"keys": {**KEYS, "auth": "AAAA"}},
        {"keys": {**KEYS, "auth": "not base64!"}},
    ],
)
def test_a_subscription_with_wrong_keys_or_of_an_unknown_server_is_refused(change: dict[str, Any]) -> None:
    body = {"platform": "webpush", "subscription": BROWSER["subscription"] | change}  # type: ignore[operator]
    answer = client_for(make_user()).post(URL, body)
    assert answer.status_code == 400
    assert "subscription" in answer.json()["error"]["details"]
    assert not Device.objects.exists()


def test_a_token_moves_to_the_account_that_registers_it_without_its_pushes() -> None:
    first, second = make_user(), make_user()
    client_for(first).post(URL, APP)
    make_notification(first)
    assert Push.objects.count() == 1
    answer = client_for(second).post(URL, APP)
    assert answer.status_code == 201
    assert Device.objects.get().user == second
    assert not Push.objects.exists()
    assert client_for(first).get(URL).json()["data"]["items"] == []


def test_of_more_than_25_devices_the_one_unused_longest_goes() -> None:
    me = make_user()
    client = client_for(me)
    for number in range(25):
        assert client.post(URL, APP | {"token": f"token-{number}"}).status_code == 201
    assert client.post(URL, APP | {"token": "token-0"}).status_code == 200
    assert client.post(URL, APP | {"token": "token-25"}).status_code == 201
    tokens = set(Device.objects.filter(user=me).values_list("token", flat=True))
    assert tokens == {f"token-{number}" for number in range(26)} - {"token-1"}


def test_a_device_is_taken_out_by_its_owner_only() -> None:
    device = make_device(make_user())
    make_notification(device.user)
    assert client_for(make_user()).delete(f"{URL}/{device.pk}").status_code == 404
    assert Device.objects.exists()
    client = client_for(device.user)
    assert client.delete(f"{URL}/{device.pk}").status_code == 204
    assert not Device.objects.exists()
    assert not Push.objects.exists()
    assert client.delete(f"{URL}/{device.pk}").json()["error"]["code"] == "device_not_found"


def test_logging_out_a_device_takes_its_token_out_and_no_other() -> None:
    guest = APIClient()
    me = make_user(username="noura")
    phone, tablet = (log_in(guest, "noura").json()["data"]["access_token"] for _ in range(2))
    for token, name in ((phone, "phone"), (tablet, "tablet")):
        headers = {"Authorization": f"Bearer {token}"}
        assert guest.post(URL, APP | {"token": name}, headers=headers).status_code == 201
    [current, other] = sorted(
        guest.get(URL, headers={"Authorization": f"Bearer {phone}"}).json()["data"]["items"],
        key=lambda item: not item["is_current"],
    )
    assert (current["is_current"], other["is_current"]) == (True, False)
    guest.post("/api/v1/auth/logout", headers={"Authorization": f"Bearer {phone}"})
    assert list(Device.objects.values_list("token", flat=True)) == ["tablet"]
    make_device(me)
    make_device(make_user())
    log_out_everywhere(actor=me)
    assert Device.objects.count() == 1


def test_a_login_that_ends_meanwhile_registers_nothing() -> None:
    me = make_user()
    login = RefreshFamily.objects.create(user=me, current_jti="x", rotated_at=me.created_at)
    RefreshFamily.objects.update(revoked_at=me.created_at)
    with pytest.raises(NotAuthenticated):
        register_device(actor=me, login_id=login.pk, platform="fcm", token="x")
    log_out_everywhere(actor=User.objects.get(pk=me.pk))
    with pytest.raises(NotAuthenticated):
        register_device(actor=me, login_id=None, platform="fcm", token="x")
    assert not Device.objects.exists()


def at_once(calls: list[Any]) -> list[Any]:
    """Call functions in threads of their own at the same moment; return results and errors."""
    barrier = Barrier(len(calls))
    results: list[Any] = [None] * len(calls)

    def run(number: int) -> None:
        barrier.wait(10)
        try:
            results[number] = calls[number]()
        except Exception as error:
            results[number] = error
        finally:
            connections.close_all()

    threads = [Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


@pytest.mark.django_db(transaction=True)
def test_a_token_that_several_register_at_once_is_one_device_of_one_of_them() -> None:
    people = [make_user() for _ in range(3)]

    def register(user: User) -> Any:
        return lambda: register_device(actor=user, login_id=None, platform="fcm", token="same")

    for _ in range(5):
        results = at_once([register(user) for user in people for _ in range(2)])
        assert not [result for result in results if isinstance(result, Exception)]
        assert Device.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_thirty_registrations_at_once_leave_25() -> None:
    me = make_user()
    calls = [
        lambda n=n: register_device(actor=me, login_id=None, platform="fcm", token=f"t{n}") for n in range(8)
    ]
    for number in range(22):
        make_device(me, token=f"earlier-{number}")
    assert not [result for result in at_once(calls) if isinstance(result, Exception)]
    assert Device.objects.filter(user=me).count() == 25


@pytest.mark.django_db(transaction=True)
def test_a_logout_while_a_device_registers_leaves_no_device() -> None:
    for _ in range(5):
        me = make_user()
        at_once(
            [
                lambda me=me: register_device(actor=me, login_id=None, platform="fcm", token=f"of-{me.pk}"),
                lambda me=me: log_out_everywhere(actor=User.objects.get(pk=me.pk)),
            ]
        )
        assert not Device.objects.filter(user=me).exists()
