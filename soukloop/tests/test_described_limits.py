"""The limits of bodies in the OpenAPI description are those that requests are refused at."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from accounts.tests.factories import client_for, make_seller
from soukloop.core.http.openapi import openapi_document
from soukloop.core.redis.client import redis_client
from soukloop.tests.routes import SOME_ID

pytestmark = pytest.mark.django_db

STEP = {"integer": 1, "number": 0.01}


def operations() -> Iterator[tuple[str, str]]:
    for path, methods in openapi_document()["paths"].items():
        for method, operation in methods.items():
            if "application/json" in operation.get("requestBody", {}).get("content", {}):
                yield method, path


def limits_of(schema: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    """Return pairs of a value at a limit and one beyond it."""
    kinds = schema.get("type", [])
    kind = next((kind for kind in ([kinds] if isinstance(kinds, str) else kinds) if kind != "null"), "")
    step = STEP.get(kind, 1)
    if "minimum" in schema:
        yield schema["minimum"], round(schema["minimum"] - step, 2)
    if "maximum" in schema:
        yield schema["maximum"], round(schema["maximum"] + step, 2)
    if "maxLength" in schema:
        yield "a" * schema["maxLength"], "a" * (schema["maxLength"] + 1)
    if schema.get("minLength") == 1:
        yield "a", ""
    if "maxItems" in schema:
        yield [str(SOME_ID)] * schema["maxItems"], [str(SOME_ID)] * (schema["maxItems"] + 1)


@pytest.mark.parametrize(("method", "path"), list(operations()))
def test_values_at_a_limit_are_taken_and_those_beyond_it_are_refused(method: str, path: str) -> None:
    document = openapi_document()
    content = document["paths"][path][method]["requestBody"]["content"]["application/json"]
    schema = content["schema"]
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    example = next(iter(content["examples"].values()))["value"]
    url = re.sub(r"{\w+}", str(SOME_ID), path)

    def refusal_of(name: str, value: Any) -> str | None:
        redis_client().flushdb()  # no limits of rates
        client = client_for(make_seller())  # a new one: it may have ended its login
        body = json.dumps({**example, name: value})
        response = client.generic(method.upper(), url, body, content_type="application/json")
        assert response.status_code < 500
        if response.status_code != 400:
            return None
        return str(response.json()["error"]["details"].get(name) or "") or None

    for name, described in schema["properties"].items():
        for at_limit, beyond in limits_of(described):
            refusal = refusal_of(name, beyond)
            if refusal is None and f"{method} {path}" in ROW_FIRST:
                continue
            assert refusal, (name, beyond)
            taken = refusal_of(name, at_limit)  # or refused for another reason, which names no limit
            number = str(len(at_limit) if isinstance(at_limit, (str, list)) else at_limit)
            assert taken is None or taken != refusal or number not in taken, (name, at_limit)


# These look up the row in the URL first, which does not exist here.
ROW_FIRST = {"patch /api/v1/products/{product_id}"}
