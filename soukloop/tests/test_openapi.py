"""`/openapi.json` describes every route, and the documentation pages load no external assets."""

import json
import re
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from openapi_spec_validator import OpenAPIV31SpecValidator

from soukloop.core.error_codes import all_error_codes
from soukloop.core.http.openapi import openapi_bytes, openapi_document
from soukloop.examples import CONTRACT_RESPONSES
from soukloop.realtime.schemas import socket_schemas
from soukloop.tests.descriptions import Description
from soukloop.tests.routes import api_routes


@pytest.fixture(scope="module")
def document() -> Any:
    openapi_bytes.cache_clear()  # so that warnings of the generation are seen here
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
    OpenAPIV31SpecValidator(document).validate()  # references, parameters and examples of defaults as well
    assert not GENERATOR_STATS._warn_cache
    assert not GENERATOR_STATS._error_cache


def test_the_document_is_generated_once_per_process(document: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(SchemaGenerator, "get_schema")
    assert Client().get("/openapi.json").json() == document


def test_each_route_and_method_is_described(document: Any) -> None:
    described = {re.sub(r"\{\w+\}", "{}", name) for name, _ in operations(document)}
    routes = {
        f"{method} {re.sub(r'<[^>]+>', '{}', route.template)}"
        for route in api_routes()
        for method in route.methods
    }
    assert described == routes


def test_each_operation_has_a_summary_a_tag_and_responses_of_success_and_its_own_errors(
    document: Any,
) -> None:
    for name, operation in operations(document):
        assert operation.get("summary"), name
        assert operation.get("tags"), name
        assert operation["tags"] != ["api"], name
        assert {"429", "503"} <= set(operation["responses"]), name
        assert "default" not in operation["responses"], name
        assert any(status.startswith("2") for status in operation["responses"]), name


def test_references_lead_to_what_is_there_and_all_of_it_is_used(document: Any) -> None:
    text = json.dumps(document)
    used = set(re.findall(r'"#/components/(\w+/\w+)"', text))
    there = {f"{kind}/{name}" for kind in ("schemas", "responses") for name in document["components"][kind]}
    assert used == there


def test_each_path_declares_its_parameters(document: Any) -> None:
    for name, operation in operations(document):
        declared = {each["name"] for each in operation.get("parameters", []) if each["in"] == "path"}
        assert declared == set(re.findall(r"{(\w+)}", name)), name


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
    schemas = document["components"]["schemas"]

    def schema_of(path: str, method: str) -> Any:
        content = document["paths"][path][method]["responses"]["200"]["content"]["application/json"]
        return schemas[content["schema"]["$ref"].rsplit("/", 1)[-1]]

    assert schema_of("/api/v1/auth/me", "get") == schemas["AccountResponse"]
    assert schemas["AccountResponse"] == {
        "type": "object",
        "required": ["success", "data"],
        "properties": {
            "success": {"type": "boolean", "const": True},
            "data": {"$ref": "#/components/schemas/Account"},
        },
    }
    sent = schema_of("/api/v1/auth/send-otp", "post")
    assert "data" not in sent["properties"]
    assert sent["properties"]["success"] == {"type": "boolean", "const": True}
    assert schemas["ErrorResponse"]["properties"]["success"] == {"type": "boolean", "const": False}


def test_operations_are_named_by_verbs_that_are_unique(document: Any) -> None:
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(names)) == len(names)
    unnamed = [name for name in names if not re.fullmatch("[a-z]+([A-Z][a-z]+)*", name)]
    assert not unnamed, (
        f"give these an `operation_id` such as listOffers at their `@extend_schema`: {unnamed}"
    )


def test_schemas_have_names_that_read_well_in_generated_code(document: Any) -> None:
    names = set(document["components"]["schemas"])
    odd = {name for name in names if re.search("(Output|Request|Enum)$|Patched|[0-9_]", name)}
    assert not odd, "name enums in ENUM_NAME_OVERRIDES, and serializers …Output or …Input"
    # Types of the languages that clients are written in, or of Flutter.
    assert names.isdisjoint({"Error", "Stream", "Image", "Card", "Notification", "Warning", "Null", "Type"})


def test_every_value_of_a_fixed_set_is_an_enum_with_a_name(document: Any) -> None:
    schemas = document["components"]["schemas"]
    enums = {name for name, schema in schemas.items() if "enum" in schema}
    assert {"Role", "Currency", "StreamStatus", "OfferStatus", "ErrorCode", "NotificationKind"} <= enums
    plain = [
        f"{name}.{field}"
        for name, schema in schemas.items()
        for field, described in schema.get("properties", {}).items()
        if field in ("role", "currency", "status", "state", "kind", "condition", "feed_type", "language")
        and described.get("type") == "string"
    ]
    assert plain == []


def test_the_server_and_all_error_codes_are_described(document: Any) -> None:
    assert document["servers"] == [{"url": settings.BASE_URL, "description": "This server"}]
    assert document["components"]["schemas"]["ErrorCode"]["enum"] == all_error_codes()


def test_fields_with_a_default_are_optional_in_bodies_and_all_that_come_are_required(document: Any) -> None:
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        required = set(schema.get("required", []))
        if name.endswith("Input"):
            defaults = {field for field, each in schema.get("properties", {}).items() if "default" in each}
            assert not defaults & required, name
    assert set(schemas["OfferInput"]["required"]) == {"product_id", "offered_price"}
    assert set(schemas["Offer"]["required"]) == set(schemas["Offer"]["properties"])
    assert set(schemas["CounterOfferInput"]["required"]) == {"offered_price"}  # by PATCH as well
    assert "required" not in schemas["ProductChangesInput"]


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
def test_what_the_contract_prints_has_examples(document: Any, name: str) -> None:
    operation = dict(operations(document))[name]
    responses = operation["responses"]
    content = responses["201" if "201" in responses else "200"]["content"]["application/json"]
    assert content["examples"]
    if not name.startswith("GET ") and name != "PATCH /api/v1/offers/{offer_id}/accept":
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        assert body.get("examples") or name.endswith("/end"), "no example of the request"


def request_bodies(document: Any) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{name} ({media_type})", content)
        for name, operation in operations(document)
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items()
    ]


def test_each_request_body_has_an_example_that_is_valid(document: Any) -> None:
    bodies = request_bodies(document)
    assert bodies
    assert [name for name, content in bodies if not content.get("examples")] == []
    description = Description(document)
    for name, content in bodies:
        for example in content["examples"].values():
            assert_valid(description, example["value"], content["schema"], name)


def test_each_example_of_an_answer_is_valid(document: Any) -> None:
    description, count = Description(document), 0
    answers = [
        (f"{name} {status}", description.response(response))
        for name, operation in operations(document)
        for status, response in operation["responses"].items()
    ]
    for name, answer in answers:
        for content in answer.get("content", {}).values():
            examples = [*content.get("examples", {}).values()]
            examples += [{"value": content["example"]}] if "example" in content else []
            for example in examples:
                assert_valid(description, example["value"], content["schema"], name)
                count += 1
    assert count > 25


def assert_valid(description: Description, value: Any, schema: dict[str, Any], name: str) -> None:
    problems = [str(error.message) for error in description.validator(schema).iter_errors(value)]
    assert not problems, f"the example of {name}: {problems}"


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


def test_the_emoji_that_may_be_sent_are_the_enum_that_the_command_takes() -> None:
    rest, sockets = openapi_document()["components"]["schemas"], socket_schemas()
    allowed = {"type": "array", "items": {"$ref": "#/components/schemas/Emoji"}}
    for schema, field in (("LiveStream", "allowedEmoji"), ("Config", "reactions")):
        described = {**rest[schema]["properties"][field]}
        described.pop("description")
        assert described == allowed
    taken = sockets.resolve(sockets.inputs["stream:reaction"])["properties"]["emoji"]
    assert taken == {"$ref": "#/components/schemas/Emoji"}
    assert rest["Emoji"] == sockets.components["Emoji"]
