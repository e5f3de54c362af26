"""What clients of the last release rely on in the REST API is still there."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from soukloop import __version__
from soukloop.core.http.openapi import openapi_document
from soukloop.tests.openapi_changes import breaking_changes

OFFER = "/api/v1/offers/{offer_id}"
FOLDER = Path(settings.BASE_DIR) / "docs" / "api"


RELEASED = sorted(FOLDER.glob("openapi-*.json"))


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: path.stem)
def test_nothing_that_a_release_described_has_gone_or_become_stricter(path: Path) -> None:
    changes = breaking_changes(json.loads(path.read_text()), openapi_document())
    assert changes == [], "installed apps would break; see the rules of a release in CONTRIBUTING.md"


def test_the_description_of_the_present_version_is_kept() -> None:
    path = FOLDER / f"openapi-{__version__}.json"
    assert path in RELEASED, "run manage.py release_openapi"
    assert json.loads(path.read_text())["info"]["version"] == __version__


def described(change: Callable[[dict[str, Any]], Any]) -> list[str]:
    """Return the breaking changes that the comparison finds after one change."""
    offer, conflict = "#/components/schemas/Offer", "#/components/responses/Conflict"
    price, page = "#/components/schemas/PriceInput", {"type": "integer", "minimum": 1}
    old = {
        "paths": {
            OFFER: {
                "post": {
                    "operationId": "counterOffer",
                    "security": [{"bearer": []}, {}],
                    "parameters": [{"in": "query", "name": "page", "schema": page}],
                    "requestBody": {"content": {"application/json": {"schema": {"$ref": price}}}},
                    "responses": {
                        "200": {"content": {"application/json": {"schema": {"$ref": offer}}}},
                        "409": {"$ref": conflict},
                    },
                },
                "delete": {"operationId": "withdrawOffer", "responses": {"204": {}}},
            }
        },
        "components": {
            "responses": {"Conflict": {"content": {}}},
            "schemas": {
                "PriceInput": {
                    "type": "object",
                    "required": ["price"],
                    "properties": {
                        "price": {"type": "number", "minimum": 1, "maximum": 100},
                        "kind": {"$ref": "#/components/schemas/Kind"},
                        "note": {"type": ["string", "null"], "maxLength": 100},
                    },
                },
                "Kind": {"type": "string", "enum": ["firm", "open"]},
                "Offer": {
                    "type": "object",
                    "required": ["id", "status"],
                    "properties": {
                        "id": {"type": "string", "format": "uuid"},
                        "status": {"type": "string", "enum": ["pending", "accepted"]},
                        "parent": {"oneOf": [{"$ref": "#/components/schemas/Offer"}, {"type": "null"}]},
                        "history": {"type": "array", "items": {"$ref": "#/components/schemas/Offer"}},
                        "closed_at": {"type": "string"},
                    },
                },
            },
        },
    }
    new = copy.deepcopy(old)
    change(new)
    return breaking_changes(old, new)


def post(document: Any) -> Any:
    return document["paths"][OFFER]["post"]


def price_input(document: Any) -> Any:
    return document["components"]["schemas"]["PriceInput"]


def offer(document: Any) -> Any:
    return document["components"]["schemas"]["Offer"]


BREAKING: dict[str, tuple[Callable[[Any], Any], str]] = {
    "a path": (lambda new: new["paths"].clear(), "is gone"),
    "an operation": (lambda new: new["paths"][OFFER].pop("delete"), f"DELETE {OFFER} is gone"),
    "its name": (lambda new: post(new).update(operationId="answerOffer"), "is now answerOffer"),
    "a login": (lambda new: post(new).update(security=[{"bearer": []}]), "needs a login now"),
    "a status": (lambda new: post(new)["responses"].pop("409"), "the status 409 is gone"),
    "a parameter": (lambda new: post(new)["parameters"].clear(), "the parameter page is gone"),
    "a required parameter": (
        lambda new: post(new)["parameters"].append(
            {"in": "query", "name": "q", "required": True, "schema": {"type": "string"}}
        ),
        "the parameter q is required now",
    ),
    "a stricter parameter": (
        lambda new: post(new)["parameters"][0]["schema"].update(minimum=2),
        "parameter page has the minimum 2 now",
    ),
    "a body": (lambda new: post(new)["requestBody"].update(required=True), "a body is required now"),
    "a field of a body": (lambda new: price_input(new)["properties"].pop("note"), "body.note is gone"),
    "a field that is required now": (
        lambda new: price_input(new)["required"].append("kind"),
        "body.kind is required now",
    ),
    "a new required field": (
        lambda new: (
            price_input(new)["required"].append("why"),
            price_input(new)["properties"].update(why={}),
        ),
        "body.why is new and required",
    ),
    "null in a body": (
        lambda new: price_input(new)["properties"]["note"].update(type="string"),
        "body.note may not be null any more",
    ),
    "a lower maximum": (
        lambda new: price_input(new)["properties"]["price"].update(maximum=99),
        "body.price has the maximum 99 now",
    ),
    "a number that must be whole": (
        lambda new: price_input(new)["properties"]["price"].update(type="integer"),
        "body.price may not be number any more",
    ),
    "a value of an input": (
        lambda new: new["components"]["schemas"]["Kind"].update(enum=["firm"]),
        "body.kind doesn't take open any more",
    ),
    "a field of an answer": (lambda new: offer(new)["properties"].pop("status"), "200 .status is gone"),
    "a field that may be missing": (
        lambda new: offer(new)["required"].remove("status"),
        "200 .status may be left out now",
    ),
    "null in an answer": (
        lambda new: offer(new)["properties"]["id"].update(type=["string", "null"]),
        "200 .id may be null now",
    ),
    "another type": (
        lambda new: offer(new)["properties"]["closed_at"].update(type="integer"),
        "200 .closed_at may be integer now",
    ),
    "another format": (
        lambda new: offer(new)["properties"]["id"].pop("format"),
        "200 .id has another format",
    ),
}

HARMLESS: dict[str, Callable[[Any], Any]] = {
    "a path": lambda new: new["paths"].update({"/new": {"get": {"operationId": "listNew", "responses": {}}}}),
    "an operation": lambda new: new["paths"][OFFER].update(
        get={"operationId": "getOffer", "responses": {"200": {}}}
    ),
    "a parameter": lambda new: post(new)["parameters"].append(
        {"in": "query", "name": "q", "schema": {"type": "string"}}
    ),
    "a status": lambda new: post(new)["responses"].update({"403": {"content": {}}}),
    "a field of a body": lambda new: price_input(new)["properties"].update(why={"type": "string"}),
    "null in a body": lambda new: price_input(new)["properties"]["price"].update(type=["number", "null"]),
    "a higher maximum": lambda new: price_input(new)["properties"]["note"].update(maxLength=200),
    "a value of an input": lambda new: new["components"]["schemas"]["Kind"]["enum"].append("vague"),
    "a value of an answer": lambda new: offer(new)["properties"]["status"]["enum"].append("closed"),
    "a field of an answer": lambda new: (
        offer(new)["properties"].update(why={"type": "string"}),
        offer(new)["required"].append("why"),
    ),
    "a field that always comes": lambda new: offer(new)["required"].append("parent"),
    "an answer that is never null": lambda new: offer(new)["properties"].update(
        parent={"$ref": "#/components/schemas/Offer"}
    ),
    "no login": lambda new: post(new).update(security=[]),
}


@pytest.mark.parametrize("change", BREAKING, ids=BREAKING)
def test_what_breaks_an_installed_app_is_found(change: str) -> None:
    make, message = BREAKING[change]
    found = described(make)
    assert len(found) == (2 if change == "a path" else 1), found
    assert message in found[0]


@pytest.mark.parametrize("change", HARMLESS, ids=HARMLESS)
def test_additions_break_nothing(change: str) -> None:
    assert described(HARMLESS[change]) == []
