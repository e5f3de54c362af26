"""The generated documentation of commands and events."""

from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from soukloop.realtime.commands import COMMANDS
from soukloop.realtime.documents import asyncapi, events_page
from soukloop.realtime.events import EVENTS

LASTING = [event for event in EVENTS.values() if event.rooms and not event.ephemeral]


def test_the_events_page_is_current() -> None:
    page = (settings.BASE_DIR / "docs" / "events.md").read_text()
    assert page == events_page(), "run: python manage.py events_docs"


def test_each_commands_example_is_valid_input() -> None:
    for command in COMMANDS.values():
        if command.input is not None:
            serializer = command.input(data=command.example)
            assert serializer.is_valid(), (command.name, serializer.errors)


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
