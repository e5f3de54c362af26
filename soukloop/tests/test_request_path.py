"""The two middleware stacks: API paths, without cookies and sessions, and pages, with them."""

import asyncio
import threading
from typing import Any

import pytest
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.contrib.sessions.middleware import SessionMiddleware
from django.test import AsyncClient, Client

from accounts.models import User
from accounts.tests.factories import client_for, make_staff, make_user
from accounts.tokens import access_token_for
from soukloop.core.http import middleware
from soukloop.core.http.middleware import InlineExecutor

API_PATHS = ["/api/v1/auth/me", "/api/v1/categories", "/api/v1/nope", "/healthz", "/readyz"]
SECURITY_HEADERS = [
    "X-Frame-Options",
    "X-Content-Type-Options",
    "Referrer-Policy",
    "Cross-Origin-Opener-Policy",
]


@pytest.fixture
def superuser(db: None) -> User:
    return make_staff()


def logged_in(kind: type[Client] | type[AsyncClient], user: User) -> Any:
    browser = kind()
    browser.force_login(user)
    return browser


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", API_PATHS)
def test_session_cookie_does_not_authenticate_api_requests(superuser: User, path: str) -> None:
    anonymous = Client().get(path)
    with_cookie = logged_in(Client, superuser).get(path)
    assert with_cookie.status_code == anonymous.status_code
    assert with_cookie.json() == anonymous.json()


@pytest.mark.django_db(transaction=True)
def test_session_cookie_does_not_authenticate_asynchronous_api_requests(superuser: User) -> None:
    async def ask() -> Any:
        browser = AsyncClient()
        await browser.aforce_login(superuser)
        return await browser.get("/api/v1/auth/me")

    assert asyncio.run(ask()).status_code == 401


@pytest.mark.django_db
@pytest.mark.parametrize("path", API_PATHS)
def test_api_responses_neither_set_cookies_nor_vary_by_them(superuser: User, path: str) -> None:
    response = logged_in(Client, superuser).get(path)
    assert not response.cookies
    assert "cookie" not in response.get("Vary", "").lower()


@pytest.mark.django_db
def test_sessions_are_never_opened_for_api_requests(superuser: User, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = logged_in(Client, superuser)

    def refuse(*args: Any) -> None:
        raise AssertionError("a session was opened")

    monkeypatch.setattr(SessionMiddleware, "process_request", refuse)
    for path in API_PATHS:
        browser.get(path)
    with pytest.raises(AssertionError, match="a session was opened"):
        browser.get("/docs")


@pytest.mark.django_db
def test_pages_still_have_sessions_and_a_csrf_token(superuser: User) -> None:
    page = Client().get("/admin/login/")
    assert "csrftoken" in page.cookies
    assert "Cookie" in page["Vary"]
    assert logged_in(Client, superuser).get("/admin/").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("path", API_PATHS)
@pytest.mark.parametrize("is_secure", [False, True])
def test_api_responses_have_the_security_headers_of_pages(path: str, is_secure: bool, settings: Any) -> None:
    settings.SECURE_HSTS_SECONDS = 60
    page = Client().get("/admin/login/", secure=is_secure)
    answer = Client().get(path, secure=is_secure)
    for header in [*SECURITY_HEADERS, "Strict-Transport-Security"]:
        assert answer.get(header) == page.get(header)
    assert ("Strict-Transport-Security" in answer) == is_secure
    assert answer["Content-Length"] == str(len(answer.content))


def test_api_requests_are_redirected_to_https_if_the_settings_require_it(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    response = Client().get("/api/v1/categories?a=b")
    assert (response.status_code, response["Location"]) == (
        301,
        "https://testserver/api/v1/categories?a=b",
    )


def test_unknown_host_is_a_bad_request_in_json() -> None:
    response = Client(HTTP_HOST="evil.example").get("/api/v1/categories")
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "bad_request"


@pytest.mark.django_db(transaction=True)
def test_synchronous_and_asynchronous_handlers_send_the_same_response() -> None:
    user = make_user()
    authorization = f"Bearer {access_token_for(user)}"

    async def ask() -> Any:
        return await AsyncClient().get("/api/v1/auth/me", headers={"authorization": authorization})

    asynchronous = asyncio.run(ask())
    synchronous = client_for(user).get("/api/v1/auth/me")
    assert asynchronous.content == synchronous.content
    differing = {"X-Request-ID": "", "RateLimit-Remaining": "", "RateLimit-Reset": ""}
    assert dict(asynchronous.items()) | differing == dict(synchronous.items()) | differing


@pytest.mark.django_db
def test_routes_are_resolved_in_the_current_url_conf(settings: Any) -> None:
    path = "/api/v1/test/echo"
    assert Client().get(path).status_code == 404
    settings.ROOT_URLCONF = "soukloop.core.tests.urls"
    assert Client().get(path).status_code == 405


async def test_inline_executor_calls_functions_in_the_thread_of_the_event_loop() -> None:
    async with ThreadSensitiveContext(executor=InlineExecutor()):
        assert await sync_to_async(threading.current_thread)() is threading.current_thread()
        with pytest.raises(ZeroDivisionError):
            await sync_to_async(lambda: 1 / 0)()


@pytest.mark.django_db(transaction=True)
def test_views_run_in_reused_threads_and_return_their_database_connections(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads: set[threading.Thread] = set()
    released: list[threading.Thread] = []
    answer = middleware._answer

    def note_thread(match: Any, request: Any) -> Any:
        threads.add(threading.current_thread())
        return answer(match, request)

    monkeypatch.setattr(middleware, "_answer", note_thread)
    monkeypatch.setattr(
        middleware, "close_old_connections", lambda: released.append(threading.current_thread())
    )

    async def ask() -> list[int]:
        browser = AsyncClient()
        return [(await browser.get("/healthz")).status_code for _ in range(3)]

    assert asyncio.run(ask()) == [200, 200, 200]
    assert len(threads) == 1
    assert threading.current_thread() not in threads
    assert released == [*threads] * 3


@pytest.mark.django_db
def test_django_test_client_runs_views_in_its_own_thread_and_transaction() -> None:
    user = make_user()
    assert client_for(user).get("/api/v1/auth/me").json()["data"]["id"] == str(user.pk)
