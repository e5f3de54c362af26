"""Serializers are named by their direction, so that tests of all request shapes find them."""

import re
from pathlib import Path

from soukloop.core.domain import domain_apps
from soukloop.realtime.commands import COMMANDS
from soukloop.tests.shapes import all_shapes, shapes_of_requests


def test_every_shape_is_named_input_query_command_or_output() -> None:
    named_otherwise = [
        f"{shape.__module__}.{shape.__name__}"
        for shape in all_shapes()
        if not re.search("(Input|Query|Command|Output)$", shape.__name__)
    ]
    assert named_otherwise == []


def test_what_commands_read_is_among_the_shapes_of_requests() -> None:
    read = {command.input for command in COMMANDS.values() if command.input is not None}
    assert read <= shapes_of_requests()


def test_what_views_validate_is_among_the_shapes_of_requests() -> None:
    sources = [
        path.read_text()
        for app in domain_apps()
        for path in Path(app.path).rglob("*.py")
        if "tests" not in path.relative_to(app.path).parts
    ]
    read = {
        name for source in sources for name in re.findall(r"validated(?:_changes|_query)?\((\w+),", source)
    }
    assert read <= {shape.__name__ for shape in shapes_of_requests()}
    assert read >= {"RegisterInput", "ProfileInput", "MessageInput", "ProductInput", "InboxQuery"}
    assert not any(".is_valid(" in source for source in sources)
