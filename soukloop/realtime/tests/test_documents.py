"""The generated documentation of commands and events."""

from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from soukloop.core import jsonlib
from soukloop.core.http.openapi import openapi_document
from soukloop.realtime.asyncapi import asyncapi
from soukloop.realtime.commands import COMMANDS
from soukloop.realtime.documents import events_page
from soukloop.realtime.events import EVENTS, publish
from soukloop.realtime.testing import descriptions
from soukloop.tests.descriptions import DescriptionMismatch

LASTING = [event for event in EVENTS.values() if event.rooms and not event.ephemeral]


def test_the_events_page_is_current() -> None:
    page = (settings.BASE_DIR / "docs" / "events.md").read_text()
    assert page == events_page(), "run: python manage.py events_docs"


def test_each_commands_example_is_valid_input() -> None:
    for command in COMMANDS.values():
        if command.input is not None:
            serializer = command.input(data=command.example)
            assert serializer.is_valid(), (command.name, serializer.errors)


def test_each_example_is_as_its_schema_describes_it() -> None:
    for command in COMMANDS.values():
        descriptions.check_result(command.name, _plain(command.ack_example or {}))
        descriptions.check_input(command.name, _plain(command.example))
    for event in EVENTS.values():
        descriptions.check_event(event.name, _plain(event.example))


def test_a_field_that_no_schema_has_is_noticed() -> None:
    for name, data in (("user:online", {"age": 3}), ("server:shutdown", {"reconnectAfterMs": None})):
        with pytest.raises(DescriptionMismatch):
            descriptions.check_event(name, _plain(EVENTS[name].example | data))
    with pytest.raises(DescriptionMismatch):
        descriptions.check_ack("stream:leave", {"success": True, "data": {"left": True}})
    with pytest.raises(DescriptionMismatch):
        publish("user.1", "user:online", {"userId": "5e2f9c1a-0d3b-4c4e-9f66-2f1f0a7b8c9d"})


def test_each_command_and_event_is_documented() -> None:
    assert [command.name for command in COMMANDS.values() if not command.doc] == []
    assert [event.name for event in EVENTS.values() if not event.doc or not event.example] == []


def test_the_asyncapi_document_is_served_and_its_references_resolve() -> None:
    document = Client().get("/asyncapi.json").json()
    assert document["asyncapi"] == "3.0.0"
    names = {message["name"] for message in document["components"]["messages"].values()}
    assert names == {*COMMANDS, *EVENTS, "ack"}
    assert document == asyncapi()
    for reference in _references(document):
        node = document
        for key in reference.removeprefix("#/").split("/"):
            node = node[key]
    actions = [operation["action"] for operation in document["operations"].values()]
    assert (actions.count("receive"), actions.count("send")) == (len(COMMANDS), len(EVENTS))


def test_schemas_have_names_and_no_object_is_described_in_place() -> None:
    document = asyncapi()
    for message in document["components"]["messages"].values():
        alternatives = message["payload"].get("oneOf", [message["payload"]])
        assert all(list(each) == ["$ref"] for each in alternatives), message["name"]
    for name, schema in document["components"]["schemas"].items():
        for field, described in schema.get("properties", {}).items():
            assert "properties" not in described, (name, field)


def test_a_schema_that_rest_has_too_is_the_same_there() -> None:
    ours, rest = asyncapi()["components"]["schemas"], openapi_document()["components"]["schemas"]
    shared = ours.keys() & rest.keys()
    assert shared >= {"ChatMessage", "ErrorCode", "OfferStatus", "OfferInput", "Currency"}
    assert {name for name in shared if _plain(ours[name]) != rest[name]} == set()


def _plain(value: Any) -> Any:
    return jsonlib.loads(jsonlib.dumps(value))


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if "$ref" in node else []
        return own + [found for value in node.values() for found in _references(value)]
    if isinstance(node, list):
        return [found for value in node for found in _references(value)]
    return []


@pytest.mark.parametrize("event", LASTING, ids=lambda event: event.name)
def test_an_event_that_may_arrive_twice_says_what_it_is_about(event: Any) -> None:
    assert [name for name in event.example if name == "seq" or name.endswith(("Id", "Ids")) or name == "room"]
