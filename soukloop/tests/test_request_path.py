"""Programs and pages: which middleware a request meets, and that cookies are for pages alone."""

import asyncio
import threading
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.sessions.middleware import SessionMiddleware
from django.test import AsyncClient, Client

from accounts.models import User
from accounts.tests.factories import client_for, make_staff, make_user
from accounts.tokens import access_token_for
from soukloop.core.http.threads import KeptThreads

PROGRAMS = ["/api/v1/auth/me", "/api/v1/categories", "/api/v1/nope", "/healthz", "/readyz"]
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
@pytest.mark.parametrize("path", PROGRAMS)
def test_a_superusers_session_is_no_login_for_programs(superuser: User, path: str) -> None:
    anonymous = Client().get(path)
    with_cookie = logged_in(Client, superuser).get(path)
    assert with_cookie.status_code == anonymous.status_code
    assert with_cookie.json() == anonymous.json()


@pytest.mark.django_db(transaction=True)
def test_a_superusers_session_is_no_login_on_the_asynchronous_path(superuser: User) -> None:
    async def ask() -> Any:
        browser = AsyncClient()
        await browser.aforce_login(superuser)
        return await browser.get("/api/v1/auth/me")

    assert asyncio.run(ask()).status_code == 401


@pytest.mark.django_db
@pytest.mark.parametrize("path", PROGRAMS)
def test_answers_to_programs_neither_set_cookies_nor_vary_by_them(superuser: User, path: str) -> None:
    response = logged_in(Client, superuser).get(path)
    assert not response.cookies
    assert "cookie" not in response.get("Vary", "").lower()


@pytest.mark.django_db
def test_sessions_are_never_opened_for_programs(superuser: User, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = logged_in(Client, superuser)

    def refuse(*args: Any) -> None:
        raise AssertionError("a session was opened")

    monkeypatch.setattr(SessionMiddleware, "process_request", refuse)
    for path in PROGRAMS:
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
@pytest.mark.parametrize("path", PROGRAMS)
@pytest.mark.parametrize("is_secure", [False, True])
def test_programs_get_the_security_headers_of_pages(path: str, is_secure: bool, settings: Any) -> None:
    settings.SECURE_HSTS_SECONDS = 60
    page = Client().get("/admin/login/", secure=is_secure)
    answer = Client().get(path, secure=is_secure)
    for header in [*SECURITY_HEADERS, "Strict-Transport-Security"]:
        assert answer.get(header) == page.get(header)
    assert ("Strict-Transport-Security" in answer) == is_secure
    assert answer["Content-Length"] == str(len(answer.content))


def test_programs_are_sent_to_https_where_it_is_a_must(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    response = Client().get("/api/v1/categories?a=b")
    assert (response.status_code, response["Location"]) == (
        301,
        "https://testserver/api/v1/categories?a=b",
    )


def test_a_host_that_is_not_ours_is_a_bad_request_in_json() -> None:
    response = Client(HTTP_HOST="evil.example").get("/api/v1/categories")
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "bad_request"


@pytest.mark.django_db(transaction=True)
def test_both_kinds_of_handlers_answer_alike() -> None:
    user = make_user()
    authorization = f"Bearer {access_token_for(user)}"

    async def ask() -> Any:
        return await AsyncClient().get("/api/v1/auth/me", headers={"authorization": authorization})

    asynchronous = asyncio.run(ask())
    synchronous = client_for(user).get("/api/v1/auth/me")
    assert asynchronous.content == synchronous.content
    ids = {"X-Request-ID": ""}
    assert dict(asynchronous.items()) | ids == dict(synchronous.items()) | ids


class Application:
    """An ASGI application that notes which thread its blocking part runs in, once all requests are there."""

    def __init__(self, requests: int = 1) -> None:
        self.threads: set[threading.Thread] = set()
        self.all_there = asyncio.Barrier(requests)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.all_there.wait()
        self.threads.add(await sync_to_async(threading.current_thread)())


async def test_a_request_uses_the_thread_that_the_one_before_it_left() -> None:
    application = Application()
    kept = KeptThreads(application)
    for _ in range(3):
        await kept({}, None, None)  # type: ignore[arg-type]
    assert len(application.threads) == 1


async def test_requests_at_the_same_time_have_threads_of_their_own() -> None:
    application = Application(requests=5)
    kept = KeptThreads(application)
    await asyncio.gather(*(kept({}, None, None) for _ in range(5)))  # type: ignore[arg-type]
    assert len(application.threads) == 5
