"""`/openapi.json` describes every route, and the documentation pages load no external assets."""

import re
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.validation import validate_schema

from soukloop.examples import CONTRACT_RESPONSES
from soukloop.tests.routes import api_routes


@pytest.fixture(scope="module")
def document() -> Any:
    GENERATOR_STATS.reset()
    return Client().get("/openapi.json").json()


def operations(document: Any) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_document_is_valid_openapi_3_1_and_generated_without_warnings(document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    validate_schema(document)
    assert not GENERATOR_STATS._warn_cache
    assert not GENERATOR_STATS._error_cache


def test_each_route_and_method_is_described(document: Any) -> None:
    described = {re.sub(r"\{\w+\}", "{}", name) for name, _ in operations(document)}
    routes = {
        f"{method} {re.sub(r'<[^>]+>', '{}', route.template)}"
        for route in api_routes()
        for method in route.methods
    }
    assert described == routes


def test_each_operation_has_a_summary_a_tag_and_success_and_error_responses(document: Any) -> None:
    for name, operation in operations(document):
        assert operation.get("summary"), name
        assert operation.get("tags"), name
        assert operation["tags"] != ["api"], name
        assert "default" in operation["responses"], name
        assert any(status.startswith("2") for status in operation["responses"]), name


def test_each_tag_is_explained_and_used(document: Any) -> None:
    used = {tag for _, operation in operations(document) for tag in operation["tags"]}
    declared = {tag["name"] for tag in document["tags"] if tag["description"]}
    assert not used - declared, f"declare the tags {used - declared} in `api_tags` of the app's config"
    assert not declared - used, f"no view has the tags {declared - used}"


def test_no_response_that_is_stored_for_a_repeated_request_contains_a_secret(document: Any) -> None:
    """A repeated request must grant nothing anew, and the table of stored responses holds nothing usable."""
    secrets = {"access_token", "refresh_token", "ticket", "streamKey"}

    def secrets_in(schema: Any) -> set[str]:
        if isinstance(schema, list):
            return set().union(*(secrets_in(each) for each in schema))
        if not isinstance(schema, dict):
            return set()
        reference = schema.get("$ref", "").removeprefix("#/components/schemas/")
        inside = document["components"]["schemas"][reference] if reference else schema
        found = secrets & set(inside.get("properties", {}))
        return found.union(*(secrets_in(value) for key, value in inside.items() if key != "example"))

    replayed, secret = set(), set()
    for name, operation in operations(document):
        if any(parameter.get("name") == "Idempotency-Key" for parameter in operation.get("parameters", [])):
            replayed.add(name)
        responses = {code: body for code, body in operation["responses"].items() if code.startswith("2")}
        if secrets_in([body.get("content", {}) for body in responses.values()]):
            secret.add(name)
    assert len(replayed) > 15
    assert {"POST /api/v1/auth/login", "POST /api/v1/auth/ws-ticket"} < secret
    # It stores the login's id instead: see accounts/tests/test_registration.py.
    assert replayed & secret == {"POST /api/v1/auth/register"}


def test_pages_are_described_as_one_object_and_not_as_an_array(document: Any) -> None:
    shapes = document["components"]["schemas"]
    pages = {name for name, shape in shapes.items() if "items" in shape.get("properties", {})}
    arrays = re.findall(r"'type': 'array', 'items': {'\$ref': '#/components/schemas/(\w+)'}", str(document))
    assert len(pages) > 10
    assert pages.isdisjoint(arrays)


def test_successes_are_described_in_their_envelope(document: Any) -> None:
    schema = document["paths"]["/api/v1/auth/me"]["get"]["responses"]["200"]["content"]["application/json"][
        "schema"
    ]
    assert schema["required"] == ["success", "data"]
    sent = document["paths"]["/api/v1/auth/send-otp"]["post"]["responses"]["200"]["content"][
        "application/json"
    ]
    assert "data" not in sent["schema"].get("properties", {})


def test_creating_operations_take_an_idempotency_key(document: Any) -> None:
    creating = [
        operation
        for name, operation in operations(document)
        if name.startswith("POST ") and "201" in operation["responses"]
    ]
    assert creating
    for operation in creating:
        headers = [parameter["name"] for parameter in operation.get("parameters", [])]
        assert "Idempotency-Key" in headers, operation["operationId"]


IN_THE_CONTRACT = [
    *CONTRACT_RESPONSES,
    "POST /api/v1/auth/register",
    "POST /api/v1/auth/send-otp",
    "POST /api/v1/auth/verify-otp",
    "POST /api/v1/auth/login",
    "GET /api/v1/auth/me",
    "POST /api/v1/auth/refresh",
    "PATCH /api/v1/offers/{offer_id}/accept",
]


@pytest.mark.parametrize("name", IN_THE_CONTRACT)
def test_examples_of_the_contract_match_the_schema(document: Any, name: str) -> None:
    operation = dict(operations(document))[name]
    responses = operation["responses"]
    content = responses["201" if "201" in responses else "200"]["content"]["application/json"]
    assert content["examples"]
    for example in content["examples"].values():
        assert_known(example["value"], content["schema"], document)
    if not name.startswith("GET ") and name != "PATCH /api/v1/offers/{offer_id}/accept":
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        assert body.get("examples") or name.endswith("/end"), "no example of the request"


def request_bodies(document: Any) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{name} ({media_type})", content)
        for name, operation in operations(document)
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items()
    ]


def test_each_request_body_has_an_example_that_matches_its_schema(document: Any) -> None:
    bodies = request_bodies(document)
    assert bodies
    assert [name for name, content in bodies if not content.get("examples")] == []
    for _, content in bodies:
        for example in content["examples"].values():
            assert_known(example["value"], content["schema"], document)


def assert_known(value: Any, schema: Any, document: Any) -> None:
    """Check that the schema has each key of an example, at any depth."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    for one in schema.get("allOf", []) + schema.get("oneOf", []) + schema.get("anyOf", []):
        if one.get("type") != "null":
            return assert_known(value, one, document)
    if isinstance(value, dict) and "properties" in schema:
        assert set(value) <= set(schema["properties"]), set(value) - set(schema["properties"])
        for key, inner in value.items():
            assert_known(inner, schema["properties"][key], document)
    elif isinstance(value, list):
        for inner in value:
            assert_known(inner, schema["items"], document)
    return None


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_documentation_pages_load_no_external_assets(page: str) -> None:
    response = Client().get(page)
    assert response.status_code == 200
    html = response.content.decode()
    loaded = re.findall(r"""(?:src|href)=["']([^"']+)["']""", html)
    assert loaded
    assert all(address.startswith(("/", "data:")) for address in loaded), loaded
    for address in loaded:
        if address.startswith("/static/"):
            assert Client().get(address).status_code == 200, address


def test_front_page_redirects_to_the_documentation() -> None:
    response = Client().get("/")
    assert (response.status_code, response["Location"]) == (302, "/docs")
