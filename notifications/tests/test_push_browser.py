"""A push in a real browser: Chromium decrypts it, and our service worker shows it."""

import base64
import json
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.utils.translation import override

from accounts.models import User
from accounts.tests.factories import client_for, make_user
from livestream.notification_kinds import STREAM_LIVE
from notifications.services.notify import notify
from notifications.tests.fake_web_push import FakeWebPush
from notifications.tests.senders import RunningSender, wait_until
from soukloop.tests.browser import Browser

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.sockets,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium"),
]
_KEYS = "return self.subscription.keys"
SCRIPT = Path(__file__).with_name("push_browser.js").read_text()


@pytest.fixture
def browser() -> Iterator[Browser]:
    assert CHROMIUM is not None
    with Browser(CHROMIUM) as running:
        yield running


def test_a_browser_decrypts_a_push_and_the_service_worker_shows_it(
    live_server_process: Any, web_push: FakeWebPush, browser: Browser
) -> None:
    [server] = live_server_process()
    browser.command("Browser.grantPermissions", {"permissions": ["notifications"], "origin": server.url})
    browser.open(f"{server.url}/healthz")
    browser.run(f"{SCRIPT}; self.subscription = await subscribe(); return true")

    endpoint = web_push.subscribe_elsewhere(f"/wpush/v2/{secrets.token_urlsafe(40)}")
    person = make_user(language="ar")
    register(person, {"endpoint": endpoint, "expirationTime": None, "keys": browser.run(_KEYS)})
    stream = {"stream_id": str(uuid4()), "seller_id": str(uuid4()), "category": "food"}
    notify(user_ids=[person.pk], kind=STREAM_LIVE, params={"actor": "@noura", "stream": "تمور"}, data=stream)
    with RunningSender():
        [delivery] = wait_until(lambda: web_push.deliveries.get(endpoint.removeprefix(web_push.server.url)))

    body = base64.b64encode(delivery.body).decode()
    payload = browser.run(f"return await self.subscription.decrypt('{body}')")
    with override("ar"):
        title = str(STREAM_LIVE.title) % {"actor": "\u2068@noura\u2069"}
    assert (payload["title"], payload["body"]) == (title, "تمور")
    assert (payload["language"], payload["direction"], payload["badge"]) == ("ar", "rtl", 1)

    shown = show(browser, server.url, payload)
    assert shown == {
        "title": title,
        "body": "تمور",
        "lang": "ar",
        "dir": "rtl",
        "tag": f"stream:{stream['stream_id']}",
        "url": payload["url"],
    }
    # A newer one of the same key takes its place.
    link = "https://soukloop.example/streams/1"
    assert show(browser, server.url, payload | {"title": "2", "url": link})["title"] == "2"
    assert click(browser) == [link]


@pytest.mark.parametrize("url", ["javascript:alert(1)", "http://evil.example/", "data:text/html,x"])
def test_the_service_worker_opens_no_other_address_than_of_https(
    live_server_process: Any, browser: Browser, url: str
) -> None:
    [server] = live_server_process()
    browser.command("Browser.grantPermissions", {"permissions": ["notifications"], "origin": server.url})
    browser.open(f"{server.url}/healthz")
    assert show(browser, server.url, {"title": "Title", "url": url, "tag": "test"})["url"] == url
    assert click(browser) == []


def register(person: User, subscription: dict[str, Any]) -> None:
    """Send what a page sends: `JSON.stringify(subscription)`."""
    body = {"platform": "webpush", "subscription": subscription}
    answer = client_for(person).post("/api/v1/devices", body, format="json")
    assert answer.status_code == 201, answer.content


def show(browser: Browser, origin: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Deliver a push to the service worker of the page, and return the one notification that it shows."""
    browser.run(
        "await navigator.serviceWorker.register('/push-worker.js'); await navigator.serviceWorker.ready"
    )
    browser.command("ServiceWorker.enable", session=browser.page)
    registration = browser.wait_for(
        lambda event: next(
            (
                each["registrationId"]
                for each in event.get("params", {}).get("registrations", ())
                if each["scopeURL"] == f"{origin}/" and not each["isDeleted"]
            ),
            None,
        )
    )
    push = {"origin": origin, "registrationId": registration, "data": json.dumps(payload)}
    title = json.dumps(payload["title"])

    def deliver() -> Any:
        # Again until it is shown: Chromium drops a push to a worker that is still starting.
        browser.command("ServiceWorker.deliverPushMessage", push, browser.page)
        time.sleep(0.3)
        return browser.run(
            "const ready = await navigator.serviceWorker.ready;"
            "return (await ready.getNotifications()).map(({title, body, lang, dir, tag, data}) =>"
            f" ({{title, body, lang, dir, tag, url: data.url}})).filter((each) => each.title === {title})"
        )

    [shown] = wait_until(deliver)
    assert browser.run("return (await (await navigator.serviceWorker.ready).getNotifications()).length") == 1
    value: dict[str, Any] = shown
    return value


def click(browser: Browser) -> list[str]:
    """Click on the notification, and return the addresses that the worker opens."""
    targets = browser.command("Target.getTargets")["targetInfos"]
    [worker] = [each["targetId"] for each in targets if each["type"] == "service_worker"]
    session = browser.attach(worker)
    opened: list[str] = browser.run(
        "const opened = []; const waits = [];"
        "self.clients.openWindow = async (url) => { opened.push(url); };"
        "const [notification] = await self.registration.getNotifications();"
        "const event = new NotificationEvent('notificationclick', {notification});"
        "event.waitUntil = (promise) => waits.push(promise);"
        "self.dispatchEvent(event); await Promise.all(waits); return opened",
        session,
    )
    return opened
