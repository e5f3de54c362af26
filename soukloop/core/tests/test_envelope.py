"""The envelope of responses and errors, for valid and invalid requests."""

import json
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from redis.exceptions import ConnectionError as RedisConnectionError
from rest_framework.test import APIClient

from soukloop.core import errors
from soukloop.core.http.envelope import domain_error
from soukloop.tests.examples import examples

pytestmark = [pytest.mark.django_db, pytest.mark.urls("soukloop.core.tests.urls")]

ECHO = "/api/v1/test/echo"


def post(body: bytes | str, content_type: str = "application/json", path: str = ECHO) -> Any:
    return Client(raise_request_exception=False).post(path, data=body, content_type=content_type)


def code_of(response: Any) -> str:
    body = response.json()
    assert body["success"] is False
    assert set(body) == {"success", "error"}
    assert set(body["error"]) == {"code", "message", "details"}
    return str(body["error"]["code"])


def test_success_is_wrapped_and_money_keeps_two_decimal_places() -> None:
    response = post('{"title": "Shoe", "price": 850}')
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    assert response.content == b'{"success":true,"data":{"title":"Shoe","price":850.00}}'


def test_validation_names_each_field() -> None:
    response = post('{"price": -1}')
    assert response.status_code == 400
    assert code_of(response) == "validation_error"
    assert response.json()["error"]["details"] == {
        "title": ["This field is required."],
        "price": ["A price must be more than zero."],
    }


@pytest.mark.parametrize(
    "body", [b"{", b"\xff\xfe", b'{"a": NaN}', b'{"a":"\\ud800"}', b"[" * 100_000, b"[1]", b"7"]
)
def test_malformed_json_is_a_clear_400(body: bytes) -> None:
    response = post(body)
    assert response.status_code == 400
    assert code_of(response) == "malformed_json"


def test_nul_characters_are_refused_in_body_query_and_path() -> None:
    assert post('{"title": "a\\u0000b", "price": 1}').status_code == 400
    assert code_of(Client().get("/api/v1/test/limited?q=%00")) == "nul_character"
    assert Client().get("/api/v1/x%00y").status_code == 400


def test_too_many_parameters_are_400() -> None:
    assert Client().get("/api/v1/feeds/discover?" + "a&" * 1001).status_code == 400


def test_a_body_over_the_limit_is_413(settings: Any) -> None:
    settings.JSON_BODY_MAX_BYTES = 100
    response = post(json.dumps({"title": "x" * 200}))
    assert response.status_code == 413
    assert code_of(response) == "payload_too_large"


def test_another_media_type_is_415() -> None:
    response = post("<a/>", content_type="application/xml")
    assert response.status_code == 415
    assert code_of(response) == "unsupported_media_type"


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize(
    "path",
    ["/api/v1/nowhere", "http://testserver//api/v1/", "/api", "/api/", "/api/v2/auth/login", "/api/v1/%ff"],
)
def test_unknown_urls_get_an_error_in_the_envelope(settings: Any, path: str, debug: bool) -> None:
    settings.DEBUG = debug
    response = Client().get(path)
    assert response.status_code == 404
    assert code_of(response) == "unknown_url"


def test_a_wrong_method_is_405_with_an_allow_header() -> None:
    response = Client().delete(ECHO)
    assert response.status_code == 405
    assert code_of(response) == "method_not_allowed"
    assert response["Allow"] == "POST, OPTIONS"


@pytest.mark.parametrize("debug", [True, False])
def test_a_bad_host_is_400_in_the_envelope(settings: Any, debug: bool) -> None:
    settings.DEBUG = debug
    settings.ALLOWED_HOSTS = ["soukloop.example"]
    response = Client(headers={"host": "evil.example"}).get("/api/v1/nowhere/")
    assert response.status_code in (400, 404)
    code_of(response)


@pytest.mark.parametrize("debug", [True, False])
def test_an_internal_error_reveals_no_details(settings: Any, debug: bool) -> None:
    settings.DEBUG = debug
    response = post('{"crash": true}', path="/api/v1/test/create")
    assert response.status_code == 500
    assert code_of(response) == "server_error"
    assert b"secret inside" not in response.content


def test_an_unavailable_store_is_503() -> None:
    error = domain_error(RedisConnectionError("refused"))
    assert isinstance(error, errors.Unavailable)


def test_accept_headers_do_not_change_the_response() -> None:
    response = APIClient().post(ECHO, {"title": "x", "price": 1}, headers={"accept": "text/html"})
    assert response["Content-Type"] == "application/json"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4)
    ),
    max_leaves=10,
)


@given(title=JSON, price=JSON)
@hypothesis_settings(
    max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_json_value_gives_a_5xx(title: Any, price: Any) -> None:
    response = post(json.dumps({"title": title, "price": price}))
    assert response.status_code in (200, 400)
