"""Every route responds in the envelope to any request, never with HTML or a 5xx."""

from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.tests.factories import client_for, make_user
from soukloop.tests.routes import METHODS, Route, api_routes

pytestmark = pytest.mark.django_db

ROUTES = api_routes()
ENDPOINTS = [(method, route) for route in ROUTES for method in sorted(route.methods)]
BODIES: list[tuple[str, str]] = [
    ("{", "application/json"),
    ("[]", "application/json"),
    ('{"a": "\\ud800"}', "application/json"),
    ("\xff\xfe\x00", "application/json"),
    ("x" * 200, "multipart/form-data; boundary=none"),
    ("<a/>", "text/xml"),
]
ODD_QUERIES = (
    "page=0&per_page=-1",
    "page=1e9&sort=%27&cursor=%F0%9F&limit=x",
    "q=%ff%fe&latitude=nan&longitude=inf&radius_km=-1",
)


def in_envelope(response: Any) -> bool:
    if response.status_code == 204:
        return True
    assert response["Content-Type"] == "application/json", response.content[:200]
    body = response.json()
    if response.status_code < 400:
        return bool(body["success"])
    return body["success"] is False and set(body["error"]) == {"code", "message", "details"}


def names(value: Any) -> str:
    return value.template if isinstance(value, Route) else str(value)


@pytest.mark.parametrize(("method", "route"), ENDPOINTS, ids=names)
def test_unreadable_bodies_are_refused_in_the_envelope(method: str, route: Route) -> None:
    client = client_for(make_user())
    client.raise_request_exception = False
    for body, content_type in BODIES:
        response = client.generic(method, route.path, body, content_type=content_type)
        assert in_envelope(response)
        assert response.status_code < 500, response.content
        if method == "GET":
            break


@pytest.mark.parametrize("route", ROUTES, ids=names)
def test_methods_that_a_route_does_not_have_are_405(route: Route) -> None:
    client = client_for(make_user())
    for method in set(METHODS) - route.methods:
        response = client.generic(method, route.path, "{}", content_type="application/json")
        assert response.status_code == 405, (method, response.content)
        assert in_envelope(response)


@pytest.mark.parametrize("route", ROUTES, ids=names)
def test_odd_query_strings_never_break_a_route(route: Route) -> None:
    if "GET" not in route.methods:
        return
    client = client_for(make_user())
    client.raise_request_exception = False
    for query in ODD_QUERIES:
        response = client.get(f"{route.path}?{query}")
        assert response.status_code < 500, (query, response.content)
        assert in_envelope(response)


def test_url_conf_has_routes() -> None:
    assert len(ROUTES) > 10


@pytest.mark.parametrize(
    "path", ["/api/v1/auth/login/", "/api/v1/nowhere", "/api//v1", "/api/v1/products/not-a-uuid"]
)
def test_unknown_urls_are_404(path: str) -> None:
    for client in (Client(), APIClient()):
        response = client.post(path, b"{", content_type="application/json")
        assert response.status_code == 404
        assert in_envelope(response)
