"""The site's icon and its error pages."""

from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from PIL import Image

from accounts.tests.factories import make_staff, make_user
from soukloop.core.http.views import DocsPage


@pytest.fixture
def staff() -> Client:
    browser = Client()
    browser.force_login(make_staff())
    return browser


def assert_is_error_page(response: Any, status: int, heading: str) -> None:
    page = response.content.decode()
    assert response.status_code == status
    assert response["Content-Type"].startswith("text/html")
    assert heading in page
    assert 'href="/favicon.svg"' in page
    for leak in ("Traceback", "DEBUG", "urlpatterns", "URLconf", "settings", "CSRF"):
        assert leak not in page


def test_the_site_serves_its_icon() -> None:
    icon = Client().get("/favicon.ico")
    assert (icon.status_code, icon["Content-Type"]) == (200, "image/x-icon")
    with Image.open(settings.SERVESTATIC_ROOT / "favicon.ico") as image:
        assert image.info["sizes"] == {(16, 16), (32, 32), (48, 48)}
    drawing = Client().get("/favicon.svg")
    assert (drawing.status_code, drawing["Content-Type"]) == (200, "image/svg+xml")


@pytest.mark.parametrize("page", ["/docs", "/redoc", "/admin/login/"])
def test_pages_link_to_the_icon(page: str) -> None:
    assert '/favicon.svg"' in Client().get(page).content.decode()


@pytest.mark.parametrize("path", ["/nope", "/internal/nope", "/static/nope.css"])
def test_an_unknown_url_gets_the_404_page(path: str) -> None:
    assert_is_error_page(Client().get(path), 404, "Page not found")


@pytest.mark.parametrize("path", ["/health", "/nope/x", "/static/nope.css"])
def test_an_unknown_url_gets_the_404_page_while_debug_is_on(settings: Any, path: str) -> None:
    settings.DEBUG = True
    stack = list(settings.MIDDLEWARE)
    stack.insert(
        stack.index("django.middleware.security.SecurityMiddleware"),
        "soukloop.core.http.pages.NotFoundPageMiddleware",
    )
    settings.MIDDLEWARE = stack
    response = Client().get(path)
    assert_is_error_page(response, 404, "Page not found")
    assert response["Content-Length"] == str(len(response.content))
    assert Client().get("/admin")["Location"] == "/admin/"


@pytest.mark.django_db
def test_an_unknown_url_of_the_admin_gets_the_404_page(staff: Client) -> None:
    assert_is_error_page(staff.get("/admin/nope/"), 404, "Page not found")


@pytest.mark.django_db
def test_a_forbidden_admin_page_gets_the_403_page(staff: Client) -> None:
    assert_is_error_page(staff.get("/admin/listings/product/add/"), 403, "Permission denied")


@pytest.mark.django_db
def test_a_form_without_a_csrf_token_gets_the_403_page() -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(make_user())
    assert_is_error_page(
        browser.post("/admin/login/", {"username": "x"}), 403, "The form could not be verified"
    )


def test_a_crash_gets_the_500_page(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("with a secret inside")

    monkeypatch.setattr(DocsPage, "dispatch", crash)
    response = Client(raise_request_exception=False).get("/docs")
    assert_is_error_page(response, 500, "Server error")
    assert b"secret" not in response.content


def test_a_bad_request_gets_the_400_page() -> None:
    assert_is_error_page(Client(HTTP_HOST="evil.example").get("/docs"), 400, "Bad request")


PAGES = (
    *("/", "/docs", "/redoc", "/openapi.json", "/asyncapi.json", "/favicon.svg", "/robots.txt", "/media/x"),
    *("/admin", "/admin/", "/admin/login", "/admin/accounts/user", "/admin/jsi18n", "/internal/", "/ws/"),
    *("/static/", "/static/nope.css", "/static/%00", "/static/%ff", "/static/..%2f..%2fmanage.py"),
)


@pytest.mark.django_db
@pytest.mark.parametrize("is_debugging", [False, True])
@pytest.mark.parametrize("path", PAGES)
def test_no_request_of_a_guest_for_a_page_is_a_failure(path: str, is_debugging: bool, settings: Any) -> None:
    settings.DEBUG = is_debugging
    client = Client(raise_request_exception=False)
    for method in ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "FOO"):
        for query in ("", "?version=%00", "?version=a%0d%0ab:c", "?lang=%00&format=x&next=%00"):
            response = client.generic(method, path + query)
            assert response.status_code < 500, (method, query)
            for name, value in response.items():
                assert value.isprintable(), (name, value)


def test_the_openapi_document_has_one_version_whatever_the_url_asks_for() -> None:
    plain, asked = Client().get("/openapi.json"), Client().get("/openapi.json?version=9%22;x")
    assert asked.content == plain.content
    assert asked["Content-Type"] == plain["Content-Type"]
