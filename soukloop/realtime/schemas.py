"""The JSON Schemas of commands and events, made of their serializers by the same code as those of REST."""

import functools
from typing import Any, NamedTuple

from django.utils import translation
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.hooks import postprocess_schema_enums
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from soukloop.core.http.openapi import EnvelopeSchema
from soukloop.core.http.openapi_errors import error_schemas
from soukloop.core.http.openapi_names import name_schemas
from soukloop.core.http.validation import NoInput
from soukloop.realtime.commands import COMMANDS, Command
from soukloop.realtime.events import EVENTS, EventSpec

Schema = dict[str, Any]
Shape = type[Serializer[Any]]

_FRAME_ID: Schema = {"type": ["integer", "string"]}
_NO_DATA: Schema = {"type": "object", "additionalProperties": False, "description": "An empty object"}


class SocketSchemas(NamedTuple):
    """What clients and server send.

    `commands`, `acks` and `events` are the schemas of frames, by the name of the command or event; `inputs`,
    `results` and `data` are those of the `data` in them. They refer to `components`.
    """

    commands: dict[str, Schema]
    inputs: dict[str, Schema]
    acks: dict[str, Schema]
    results: dict[str, Schema]
    events: dict[str, Schema]
    data: dict[str, Schema]
    components: dict[str, Schema]

    def resolve(self, schema: Schema) -> Schema:
        """Return the schema that a reference names, or the schema itself."""
        while "$ref" in schema:
            schema = self.components[schema["$ref"].rpartition("/")[2]]
        return schema


@functools.cache
@translation.override("en")
def socket_schemas() -> SocketSchemas:
    """Return the schemas of all declared commands and events."""
    named = _NamedSchemas()
    found = SocketSchemas({}, {}, {}, {}, {}, {}, {})
    for command in COMMANDS.values():
        name, prefix = command.name, _type_name(command.name)
        found.inputs[name] = named.of_input(command.input)
        found.results[name] = named.of_output(command.ack)
        found.commands[name] = named.add(f"{prefix}Command", _command(command, found.inputs[name]))
        success = named.add(f"{prefix}Ack", _ack(found.results[name]))
        # By name, so that generators of code don't have to make one up.
        found.acks[name] = named.add(f"{prefix}Answer", {"oneOf": [success, reference("FailedAck")]})
    for event in EVENTS.values():
        found.data[event.name] = named.of_output(event.output)
        event_schema = _event(event, found.data[event.name])
        found.events[event.name] = named.add(f"{_type_name(event.name)}Event", event_schema)
    return named.finish(found)


class _NamedSchemas:
    """Schemas with names. A serializer that REST uses too has the same name in its description."""

    def __init__(self) -> None:
        self._own = {"NoData": _NO_DATA, "FailedAck": _failed_ack(), **error_schemas()}
        # drf-spectacular maps serializers only for a view.
        self._generator = SchemaGenerator()
        self._mapper = EnvelopeSchema()
        self._mapper.registry = self._generator.registry
        self._mapper.method, self._mapper.path = "POST", "/"
        self._mapper.view = APIView()
        self._mapper.view.request = None  # type: ignore[assignment]

    def add(self, name: str, schema: Schema) -> Schema:
        """Add a schema that is made of no serializer; return a reference to it."""
        if name in self._own:
            raise ValueError(f"There are two schemas named {name}")
        self._own[name] = schema
        return reference(name)

    def of_input(self, shape: Shape | None) -> Schema:
        """Return a reference to the schema of what a client sends: it has no fields but those described."""
        if shape is None or shape is NoInput:
            return reference("NoData")
        component = self._mapper.resolve_serializer(shape, "request")
        component.schema["additionalProperties"] = False
        return reference(component.name)

    def of_output(self, shape: Shape | None) -> Schema:
        """Return a reference to the schema of what the server sends."""
        if shape is None:
            return reference("NoData")
        return reference(self._mapper.resolve_serializer(shape, "response").name)

    def finish(self, found: SocketSchemas) -> SocketSchemas:
        """Return what was found, with all schemas, named as in the REST description."""
        result: Any = {"components": self._generator.registry.build({})}
        postprocess_schema_enums(result, self._generator)
        result["components"]["schemas"].update(self._own)
        result["found"] = found._asdict()  # so that its references are renamed too
        name_schemas(result)
        components = dict(sorted(result["components"]["schemas"].items()))
        return SocketSchemas(**{**result["found"], "components": components})


def reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _command(command: Command, data: Schema) -> Schema:
    fields = command.input().fields.values() if command.input else []
    return {
        "type": "object",
        "required": ["event", "data"] if any(field.required for field in fields) else ["event"],
        "properties": {
            "event": {"type": "string", "const": command.name},
            "id": {**_FRAME_ID, "description": "Asks for an acknowledgement"},
            "data": dict(data),
        },
    }


def _ack(data: Schema) -> Schema:
    return {
        "type": "object",
        "required": ["event", "id", "success", "data"],
        "properties": {
            "event": {"type": "string", "const": "ack"},
            "id": _FRAME_ID,
            "success": {"type": "boolean", "const": True},
            "data": dict(data),
        },
    }


def _failed_ack() -> Schema:
    return {
        "type": "object",
        "required": ["event", "id", "success", "error"],
        "properties": {
            "event": {"type": "string", "const": "ack"},
            "id": _FRAME_ID,
            "success": {"type": "boolean", "const": False},
            "error": reference("ErrorDetails"),
        },
    }


def _event(event: EventSpec, data: Schema) -> Schema:
    return {
        "type": "object",
        "required": ["event", "data"],
        "properties": {"event": {"type": "string", "const": event.name}, "data": dict(data)},
    }


def _type_name(name: str) -> str:
    """Return `stream:replay_ready` as `StreamReplayReady`."""
    return "".join(word.capitalize() for word in name.replace(":", "_").split("_"))
