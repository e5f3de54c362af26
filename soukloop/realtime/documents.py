"""The page `docs/events.md`, generated from the registries of commands and events."""

import json
import re
from pathlib import Path
from typing import Any

from soukloop.core import jsonlib
from soukloop.core.redis.rate_limits import limit_of
from soukloop.realtime.asyncapi import ack_example
from soukloop.realtime.commands import COMMANDS, Command
from soukloop.realtime.events import ANY_ROOM, EVENTS, EventSpec
from soukloop.realtime.rooms import ROOM_KINDS
from soukloop.realtime.routing import app_urlpatterns
from soukloop.realtime.schemas import Schema, socket_schemas

_ENUM_SHOWN_MAX = 20
_INTRODUCTION = Path(__file__).with_name("events_introduction.md")


def events_page() -> str:
    """Return `docs/events.md`."""
    introduction = _INTRODUCTION.read_text().replace("{room_paths}", ", ".join(_room_paths()))
    parts = [introduction, "## What a client sends\n"]
    parts += [_command_section(COMMANDS[name]) for name in sorted(COMMANDS)]
    parts.append("## What the server sends\n")
    parts += [_event_section(EVENTS[name]) for name in sorted(EVENTS)]
    return "\n".join(parts)


def _room_paths() -> list[str]:
    """Return the apps' WebSocket paths as `/ws/things/<id>/`."""
    return [f"`/{re.sub(r'<[a-z]+:', '<', str(each.pattern))}`" for each in app_urlpatterns()]


def _command_section(command: Command) -> str:
    lines = [f"### `{command.name}`\n", _paragraphs(command.doc), ""]
    if command.rate_scope:
        limit, seconds = limit_of(command.rate_scope)
        lines.append(f"Limit: {limit} in {seconds} s.\n")
    if command.for_guests:
        lines.append("Guests may send it.\n")
    lines += _field_table(socket_schemas().inputs[command.name], is_input=True)
    lines.append(_json({"event": command.name, "id": 7, "data": command.example}))
    lines += ["Acknowledgement:\n", _json(ack_example(command))]
    return "\n".join(lines)


def _event_section(event: EventSpec) -> str:
    kinds = sorted(ROOM_KINDS) if event.rooms == ANY_ROOM else event.rooms
    receivers = "; ".join(ROOM_KINDS[kind].description for kind in kinds)
    lines = [
        f"### `{event.name}`\n",
        _paragraphs(event.doc),
        "",
        f"To: {receivers or 'the connection it concerns'}.",
    ]
    if event.for_guests:
        lines.append("Guests get it too.")
    if event.merge is not None:
        lines.append(f"Merged if a room receives more than {event.merge.per_second} a second.")
    if event.ephemeral:
        lines.append("Among the first events to be dropped for a client that reads too slowly.")
    fields = _field_table(socket_schemas().data[event.name], is_input=False)
    return "\n".join([*lines, "", *fields, _json({"event": event.name, "data": event.example})])


def _field_table(schema: Schema, *, is_input: bool) -> list[str]:
    """Return a Markdown table of an object's fields, if it has any."""
    described = socket_schemas().resolve(schema)
    if not described.get("properties"):
        return []
    required = described.get("required", ())
    lines = ["| field | type | |", "|---|---|---|"]
    for name, field in described["properties"].items():
        if is_input:
            note = "required" if name in required else ""
        else:
            note = "" if name in required else "not always sent"
        lines.append(f"| `{name}` | {_type_of(field)} | {note} |")
    return [*lines, ""]


def _type_of(schema: Schema) -> str:
    """Return a field's type in words."""
    values = socket_schemas().resolve(schema).get("enum", ())
    if "$ref" in schema and not 0 < len(values) <= _ENUM_SHOWN_MAX:
        return str(schema["$ref"].rpartition("/")[2])
    schema = socket_schemas().resolve(schema)
    for alternatives in ("allOf", "oneOf", "anyOf"):
        if alternatives in schema:
            return " or ".join(_type_of(each) for each in schema[alternatives])
    if "enum" in schema:
        return " ".join("null" if value is None else f"`{value}`" for value in schema["enum"])
    kinds = schema.get("type", "any")
    names = [_name_of(kind, schema) for kind in (kinds if isinstance(kinds, list) else [kinds])]
    limit = schema.get("maxLength")
    return " or ".join(names) + (f", at most {limit} characters" if limit else "")


def _name_of(kind: str, schema: Schema) -> str:
    if kind == "array":
        return f"array of {_type_of(schema['items'])}"
    return str(schema["format"]) if kind == "string" and "format" in schema else kind


def _json(value: Any) -> str:
    plain = jsonlib.loads(jsonlib.dumps(value))
    return f"```json\n{json.dumps(plain, indent=2, ensure_ascii=False)}\n```\n"


def _paragraphs(doc: str) -> str:
    return "\n".join(line.strip() for line in doc.splitlines())
