"""Documentation generated from the registries of commands and events: `docs/events.md` and AsyncAPI."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from rest_framework import serializers
from rest_framework.fields import empty

from soukloop.core import jsonlib
from soukloop.core.redis.rate_limits import limit_of
from soukloop.realtime.commands import COMMANDS, Command
from soukloop.realtime.events import ANY_ROOM, EVENTS, EventSpec
from soukloop.realtime.rooms import ROOM_KINDS
from soukloop.realtime.routing import app_urlpatterns

Schema = dict[str, Any]

_MEDIA = "application/json"
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


def asyncapi() -> dict[str, Any]:
    """Return the AsyncAPI 3 document, in which "send" and "receive" are actions of the server."""
    host = urlsplit(settings.BASE_URL)
    secure = "s" if host.scheme == "https" else ""
    messages: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    channel = {"$ref": "#/channels/socket"}
    for command in COMMANDS.values():
        command_key, ack_key = f"{_key(command.name)}.command", f"{_key(command.name)}.ack"
        messages[command_key] = _command_message(command)
        messages[ack_key] = _ack_message(command)
        operations[f"receive.{_key(command.name)}"] = {
            "action": "receive",
            "channel": channel,
            "summary": _first_line(command.doc),
            "messages": [{"$ref": f"#/channels/socket/messages/{command_key}"}],
            "reply": {"channel": channel, "messages": [{"$ref": f"#/channels/socket/messages/{ack_key}"}]},
        }
    for event in EVENTS.values():
        name = f"{_key(event.name)}.event"
        messages[name] = _event_message(event)
        operations[f"send.{_key(event.name)}"] = {
            "action": "send",
            "channel": channel,
            "summary": _first_line(event.doc),
            "messages": [{"$ref": f"#/channels/socket/messages/{name}"}],
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Souk Loop sockets",
            "version": settings.SPECTACULAR_SETTINGS["VERSION"],
            "description": "Commands and events over WebSockets; they are the same over Socket.IO.",
        },
        "defaultContentType": _MEDIA,
        "servers": {
            "websocket": {
                "host": host.netloc,
                "protocol": f"ws{secure}",
                "description": "JSON frames at `/ws/`; Socket.IO 4 at `/socket.io/`.",
                "security": [{"$ref": "#/components/securitySchemes/bearer"}],
            }
        },
        "channels": {
            "socket": {
                "address": "/ws/",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
            }
        },
        "operations": operations,
        "components": {
            "messages": messages,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _command_section(command: Command) -> str:
    lines = [f"### `{command.name}`\n", _paragraphs(command.doc), ""]
    if command.rate_scope:
        limit, seconds = limit_of(command.rate_scope)
        lines.append(f"Limit: {limit} in {seconds} s.\n")
    fields = _input_schema(command)
    if fields["properties"]:
        lines += ["| field | type | |", "|---|---|---|"]
        for name, schema in fields["properties"].items():
            required = "required" if name in fields.get("required", ()) else ""
            lines.append(f"| `{name}` | {_type_name(schema)} | {required} |")
        lines.append("")
    lines.append(_json({"event": command.name, "id": 7, "data": command.example}))
    lines += ["Acknowledgement:\n", _json(_ack_example(command))]
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
    if event.merge is not None:
        lines.append(f"Merged if a room receives more than {event.merge.per_second} a second.")
    if event.ephemeral:
        lines.append("Among the first events to be dropped for a client that reads too slowly.")
    return "\n".join([*lines, "", _json({"event": event.name, "data": event.example})])


def _command_message(command: Command) -> dict[str, Any]:
    example = {"event": command.name, "id": 7, "data": command.example}
    identifier = {"type": ["integer", "string"], "description": "Asks for an acknowledgement."}
    return {
        "name": command.name,
        "summary": _first_line(command.doc),
        "payload": {
            "type": "object",
            "required": ["event"],
            "properties": {
                "event": {"const": command.name},
                "id": identifier,
                "data": _input_schema(command),
            },
        },
        "examples": [{"payload": _plain(example)}],
    }


def _ack_message(command: Command) -> dict[str, Any]:
    return {
        "name": "ack",
        "summary": f"The acknowledgement of `{command.name}`",
        "payload": {
            "type": "object",
            "required": ["event", "id", "success"],
            "properties": {
                "event": {"const": "ack"},
                "id": {"type": ["integer", "string"]},
                "success": {"type": "boolean"},
                "data": _schema_of(command.ack_example or {}),
                "error": {
                    "type": "object",
                    "required": ["code", "message", "details"],
                    "properties": {
                        "code": {"type": "string"},
                        "message": {"type": "string"},
                        "details": {"type": "object"},
                    },
                },
            },
        },
        "examples": [{"payload": _plain(_ack_example(command))}],
    }


def _event_message(event: EventSpec) -> dict[str, Any]:
    return {
        "name": event.name,
        "summary": _first_line(event.doc),
        "payload": {
            "type": "object",
            "required": ["event", "data"],
            "properties": {"event": {"const": event.name}, "data": _schema_of(event.example)},
        },
        "examples": [{"payload": _plain({"event": event.name, "data": event.example})}],
    }


def _ack_example(command: Command) -> dict[str, Any]:
    return {"event": "ack", "id": 7, "success": True, "data": command.ack_example or {}}


def _input_schema(command: Command) -> Schema:
    properties: dict[str, Schema] = {}
    required = []
    if command.input is not None:
        for name, field in command.input().fields.items():
            properties[name] = _field_schema(field)
            if field.required:
                required.append(name)
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


def _field_schema(field: serializers.Field[Any, Any, Any, Any]) -> Schema:
    schema: Schema
    match field:
        case serializers.UUIDField():
            schema = {"type": "string", "format": "uuid"}
        case serializers.ChoiceField():
            schema = {"type": "string", "enum": list(field.choices)}
        case serializers.BooleanField():
            schema = {"type": "boolean"}
        case serializers.IntegerField():
            schema = {"type": "integer", **_bounds(field)}
        case serializers.DecimalField() | serializers.FloatField():
            schema = {"type": "number", **_bounds(field)}
        case serializers.CharField():
            length = {"maxLength": field.max_length} if field.max_length else {}
            schema = {"type": "string", **length}
        case _:
            schema = {}
    if field.allow_null and "type" in schema:
        schema["type"] = [schema["type"], "null"]
    if field.default is not empty and not callable(field.default):
        schema["default"] = _plain(field.default)
    return schema


def _bounds(field: Any) -> Schema:
    bounds = {"minimum": field.min_value, "maximum": field.max_value}
    return {name: _plain(value) for name, value in bounds.items() if value is not None}


def _schema_of(example: Any) -> Schema:
    match _plain(example):
        case bool():
            return {"type": "boolean"}
        case int():
            return {"type": "integer"}
        case float():
            return {"type": "number"}
        case str():
            return {"type": "string"}
        case list() as items:
            return {"type": "array", **({"items": _schema_of(items[0])} if items else {})}
        case dict() as members:
            return {
                "type": "object",
                "properties": {name: _schema_of(value) for name, value in members.items()},
            }
        case _:
            return {}


def _type_name(schema: Schema) -> str:
    if "enum" in schema:
        return " ".join(f"`{value}`" for value in schema["enum"])
    kind = schema.get("type", "any")
    name = str(schema.get("format") or (" or ".join(kind) if isinstance(kind, list) else kind))
    limit = schema.get("maxLength")
    return f"{name}, at most {limit} characters" if limit else name


def _key(name: str) -> str:
    return name.replace(":", ".")  # AsyncAPI does not allow colons in keys


def _plain(value: Any) -> Any:
    return jsonlib.loads(jsonlib.dumps(value))


def _json(value: Any) -> str:
    return f"```json\n{json.dumps(_plain(value), indent=2, ensure_ascii=False)}\n```\n"


def _first_line(doc: str) -> str:
    return doc.split("\n", 1)[0]


def _paragraphs(doc: str) -> str:
    return "\n".join(line.strip() for line in doc.splitlines())
