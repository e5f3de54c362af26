"""The AsyncAPI 3 document of the sockets, generated from the registries of commands and events."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from soukloop.core import jsonlib
from soukloop.realtime.commands import COMMANDS, Command
from soukloop.realtime.events import EVENTS, EventSpec
from soukloop.realtime.schemas import Schema, socket_schemas

_MEDIA = "application/json"


def asyncapi() -> dict[str, Any]:
    """Return the document, in which "send" and "receive" are actions of the server."""
    host = urlsplit(settings.BASE_URL)
    secure = "s" if host.scheme == "https" else ""
    schemas = socket_schemas()
    messages: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    channel = {"$ref": "#/channels/socket"}
    for command in COMMANDS.values():
        command_key, ack_key = f"{_key(command.name)}.command", f"{_key(command.name)}.ack"
        messages[command_key] = _command_message(command, schemas.commands[command.name])
        messages[ack_key] = _ack_message(command, schemas.acks[command.name])
        operations[f"receive.{_key(command.name)}"] = {
            "action": "receive",
            "channel": channel,
            "summary": _first_line(command.doc),
            "messages": [{"$ref": f"#/channels/socket/messages/{command_key}"}],
            "reply": {"channel": channel, "messages": [{"$ref": f"#/channels/socket/messages/{ack_key}"}]},
        }
    for event in EVENTS.values():
        name = f"{_key(event.name)}.event"
        messages[name] = _event_message(event, schemas.events[event.name])
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
                "description": "JSON frames at `/ws/`; Socket.IO 4 at `/socket.io/`. "
                "`?language=ar` or `en` names the language of errors.",
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
            "schemas": schemas.components,
            "messages": messages,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def ack_example(command: Command) -> dict[str, Any]:
    return {"event": "ack", "id": 7, "success": True, "data": command.ack_example or {}}


def _command_message(command: Command, payload: Schema) -> dict[str, Any]:
    example = {"event": command.name, "id": 7, "data": command.example}
    return _message(command.name, _first_line(command.doc), payload, example)


def _ack_message(command: Command, payload: Schema) -> dict[str, Any]:
    summary = f"The acknowledgement of `{command.name}`"
    return _message("ack", summary, payload, ack_example(command))


def _event_message(event: EventSpec, payload: Schema) -> dict[str, Any]:
    example = {"event": event.name, "data": event.example}
    return _message(event.name, _first_line(event.doc), payload, example)


def _message(name: str, summary: str, payload: Schema, example: dict[str, Any]) -> dict[str, Any]:
    plain = jsonlib.loads(jsonlib.dumps(example))
    return {"name": name, "summary": summary, "payload": payload, "examples": [{"payload": plain}]}


def _key(name: str) -> str:
    return name.replace(":", ".")  # AsyncAPI does not allow colons in keys


def _first_line(doc: str) -> str:
    return doc.split("\n", 1)[0]
