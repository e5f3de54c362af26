"""The check of answers against the OpenAPI description finds what is not as described, and says what."""

import re
from typing import Any

import httpx
import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.serializers import profiles as profile_serializers
from accounts.tests.factories import make_user
from accounts.tokens import access_token_for
from accounts.views import profiles
from soukloop.core import jsonlib
from soukloop.tests.descriptions import DescriptionMismatch, check_answer

JSON = {"Content-Type": "application/json"}
UNREAD = "/api/v1/conversations/unread-count"


def check(body: Any, *, path: str = UNREAD, method: str = "GET", status: int = 200, **options: Any) -> None:
    check_answer(method, path, status=status, headers=JSON, body=jsonlib.dumps(body), **options)


def test_an_answer_as_described_passes() -> None:
    check({"success": True, "data": {"unread_count": 1, "conversations": 1}})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"unread_count": 1}, 'body.data: "conversations" is a required property'),
        ({"unread_count": None, "conversations": 1}, 'body.data.unread_count: null is not of type "integer"'),
        ({"unread_count": 1, "conversations": 1, "new": 1}, "body.data: Additional properties"),
        ([], 'body.data: [] is not of type "object"'),
    ],
    ids=["missing", "null", "undescribed", "other shape"],
)
def test_a_mismatch_names_the_operation_the_status_the_place_and_the_reason(data: Any, message: str) -> None:
    with pytest.raises(DescriptionMismatch, match=re.escape(message)) as found:
        check({"success": True, "data": data})
    assert str(found.value).startswith(f"GET {UNREAD} answered 200 ")


def test_an_undescribed_status_is_found_and_where_to_declare_it() -> None:
    error = {"success": False, "error": {"code": "conflict", "message": "No.", "details": {}}}
    with pytest.raises(DescriptionMismatch, match=re.escape("`responses={200: …} | refusals(409)`")):
        check(error, status=409)
    check(error, status=503)


def test_an_undescribed_error_code_is_found() -> None:
    error = {"success": False, "error": {"code": "made_up", "message": "No.", "details": {}}}
    with pytest.raises(DescriptionMismatch, match=re.escape("body.error.code")):
        check(error, status=503)


def test_a_body_is_found_where_none_is_described_and_another_type_than_json() -> None:
    with pytest.raises(DescriptionMismatch, match="answered 204 with a body"):
        check(
            {}, path="/api/v1/notifications/3f1d2c4b-5a6e-4f70-8b91-a2c3d4e5f607", method="DELETE", status=204
        )
    with pytest.raises(DescriptionMismatch, match="instead of application/json"):
        check_answer("GET", UNREAD, status=200, headers={"Content-Type": "text/html"}, body=b"<p>")


def test_an_accepted_body_that_is_not_described_is_found() -> None:
    answer = {"success": True, "data": {"message": "Account deleted"}}
    path = "/api/v1/auth/me/delete"
    check(answer, path=path, method="POST", sent=b'{"password": "Test123!@#"}')
    with pytest.raises(
        DescriptionMismatch, match='accepted a body that is not as described:\n  body: "password"'
    ):
        check(answer, path=path, method="POST", sent=b"{}")
    with pytest.raises(DescriptionMismatch, match="accepted a body, and its description has none"):
        check(answer, path="/api/v1/auth/logout-all", method="POST", sent=b'{"all": true}')


def test_a_request_that_no_operation_describes_must_be_refused() -> None:
    error = {"success": False, "error": {"code": "method_not_allowed", "message": "No.", "details": {}}}
    check(error, method="PUT", status=405)
    check(error, path="/api/v1/nothing", status=404)
    with pytest.raises(DescriptionMismatch, match="has no such operation"):
        check({"success": True, "data": {}}, method="PUT")


def test_other_paths_and_answers_without_content_are_not_checked() -> None:
    check("metrics", path="/metrics")
    check("moved", status=301)
    check_answer("HEAD", UNREAD, status=200, headers=JSON, body=b"")


@pytest.mark.django_db
@pytest.mark.parametrize("client_class", [Client, APIClient])
def test_both_test_clients_check_what_they_are_answered(
    client_class: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"Authorization": f"Bearer {access_token_for(make_user())}"}
    body = profile_serializers.me_body
    monkeypatch.setattr(profiles, "me_body", lambda user: {**body(user), "new_field": 1})
    with pytest.raises(DescriptionMismatch, match="new_field"):
        client_class().get("/api/v1/auth/me", headers=headers)


def test_clients_of_running_servers_check_what_they_are_answered() -> None:
    unfit = httpx.MockTransport(lambda request: httpx.Response(200, json={"success": True, "data": {}}))
    with (
        httpx.Client(transport=unfit, base_url="http://127.0.0.1") as client,
        pytest.raises(DescriptionMismatch, match="GET /api/v1/badges answered 200"),
    ):
        client.get("/api/v1/badges")


@pytest.mark.django_db
@pytest.mark.urls("soukloop.core.tests.urls")
def test_other_url_configurations_are_not_checked() -> None:
    check("anything")
