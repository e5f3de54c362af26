"""Functions for tests of the admin: a logged-in browser, and reading pages."""

from django.db.models import Model
from django.test import Client

from accounts.tests.factories import make_staff


def staff_browser() -> Client:
    """Return a browser in which a superuser is logged in."""
    browser = Client()
    browser.force_login(make_staff())
    return browser


def list_url(model: type[Model]) -> str:
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/"


def read(browser: Client, url: str) -> str:
    """Return the text of a page; fail unless its status is 200."""
    response = browser.get(url)
    assert response.status_code == 200, url
    return str(response.content.decode())
