"""The API's two descriptions, as the generators read them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.test import Client

from soukloop import __version__

Schema = dict[str, Any]

VERSION = __version__
PREFIX = "/api/v1"
_METHODS = ("get", "post", "patch", "put", "delete", "head")


@dataclass(frozen=True)
class Operation:
    """One method of one path, which is given without the prefix that all have."""

    method: str
    path: str
    described: Schema

    @property
    def name(self) -> str:
        return str(self.described["operationId"])

    @property
    def tag(self) -> str:
        return str((self.described.get("tags") or ["Other"])[0])

    @property
    def summary(self) -> str:
        text = str(self.described.get("summary") or self.described.get("description") or self.name)
        return text.strip().partition("\n")[0]

    @property
    def takes_key(self) -> bool:
        """Whether it takes an `Idempotency-Key`, so that an unanswered request may be sent again."""
        return any(each["name"] == "Idempotency-Key" for each in self.parameters("header"))

    @property
    def needs_login(self) -> bool:
        security = self.described.get("security", [])
        return bool(security) and {} not in security

    def parameters(self, place: str) -> list[Schema]:
        return [each for each in self.described.get("parameters", []) if each["in"] == place]

    @property
    def body(self) -> Schema | None:
        """The schema of the JSON that it takes."""
        content = self.described.get("requestBody", {}).get("content", {})
        found: Schema | None = content.get("application/json", {}).get("schema")
        return found

    @property
    def body_is_required(self) -> bool:
        return bool(self.described.get("requestBody", {}).get("required"))

    @property
    def takes_file(self) -> bool:
        return "multipart/form-data" in self.described.get("requestBody", {}).get("content", {})

    @property
    def answer(self) -> Schema | None:
        """The schema of the first successful answer's JSON, None where there is no body."""
        for status, response in sorted(self.described["responses"].items()):
            if status.startswith("2"):
                found: Schema | None = response.get("content", {}).get("application/json", {}).get("schema")
                return found
        return None

    @property
    def example(self) -> Any:
        """An example of the JSON that it takes, None without one."""
        content = self.described.get("requestBody", {}).get("content", {}).get("application/json", {})
        if "example" in content:
            return content["example"]
        return next((each.get("value") for each in content.get("examples", {}).values()), None)


@dataclass(frozen=True)
class RestDescription:
    """The OpenAPI document, as it is served."""

    document: Schema

    @cached_property
    def operations(self) -> list[Operation]:
        return [
            Operation(method, path.removeprefix(PREFIX), described)
            for path, item in self.document["paths"].items()
            for method, described in item.items()
            if method in _METHODS
        ]

    @property
    def schemas(self) -> dict[str, Schema]:
        found: dict[str, Schema] = self.document["components"]["schemas"]
        return found

    def resolve(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            schema = self.schemas[schema["$ref"].rpartition("/")[2]]
        return schema

    def without_examples(self) -> Schema:
        """Return the document for generators of types: paths without the prefix, no servers, no examples."""
        pruned: Schema = _without(self.document, {"example", "examples", "servers"})
        pruned["paths"] = {path.removeprefix(PREFIX): item for path, item in pruned["paths"].items()}
        return pruned

    @property
    def error_codes(self) -> list[str]:
        return list(self.schemas.get("ErrorCode", {}).get("enum", []))


@dataclass(frozen=True)
class SocketDescription:
    """The AsyncAPI document, as it is served."""

    document: Schema

    @property
    def schemas(self) -> dict[str, Schema]:
        """The schemas of data, without those of the frames of plain WebSockets around it."""
        return {name: schema for name, schema in self._all_schemas.items() if not _is_frame(schema)}

    @property
    def _all_schemas(self) -> dict[str, Schema]:
        found: dict[str, Schema] = self.document["components"]["schemas"]
        return found

    def commands(self) -> Iterator[tuple[str, Schema, Schema, str]]:
        """Yield each command's name, the schemas of what is sent and acknowledged, and its summary."""
        messages = self.document["components"]["messages"]
        for key, message in messages.items():
            if key.endswith(".command"):
                acknowledged = self._data(messages[f"{key.removesuffix('.command')}.ack"])
                yield self._event(message), self._data(message), acknowledged, message.get("summary", "")

    def events(self) -> Iterator[tuple[str, Schema, str]]:
        """Yield each event's name, the schema of its data, and its summary."""
        for key, message in self.document["components"]["messages"].items():
            if key.endswith(".event"):
                yield self._event(message), self._data(message), message.get("summary", "")

    def _event(self, message: Schema) -> str:
        return str(message["name"])

    def _data(self, message: Schema) -> Schema:
        frame = self._resolve(message["payload"])
        # An answer to a command is one of two frames, the first of which is the successful one.
        frame = self._resolve(frame.get("oneOf", [frame])[0])
        found: Schema = frame["properties"]["data"]
        return found

    def _resolve(self, schema: Schema) -> Schema:
        return self._all_schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def _is_frame(schema: Schema) -> bool:
    """Return whether this is a whole frame, or a choice of them, which the clients unpack."""
    is_answer = {"$ref": "#/components/schemas/FailedAck"} in schema.get("oneOf", [])
    return is_answer or "const" in schema.get("properties", {}).get("event", {})


def rest_description() -> RestDescription:
    return RestDescription(_served("/openapi.json"))


def socket_description() -> SocketDescription:
    return SocketDescription(_served("/asyncapi.json"))


def words(name: str) -> list[str]:
    """Split a name in any style into its words, in lower case."""
    spaced = re.sub(r"([a-z0-9])([A-Z])|([A-Z]+)([A-Z][a-z])", r"\1\3 \2\4", name)
    return [word.lower() for word in re.split(r"[^A-Za-z0-9]+", spaced) if word]


def camel(name: str) -> str:
    first, *rest = words(name) or ["value"]
    return first + "".join(word.capitalize() for word in rest)


def pascal(name: str) -> str:
    """Return a name as a type's; what is in that style already stays as it is."""
    if re.fullmatch(r"[A-Z][A-Za-z0-9]*", name):
        return name
    return "".join(word.capitalize() for word in words(name))


def _served(path: str) -> Schema:
    response = Client(headers={"host": "localhost"}).get(path)
    assert response.status_code == 200, f"{path}: {response.status_code}"
    found: Schema = response.json()
    return found


def _without(value: Any, names: set[str]) -> Any:
    match value:
        case dict():
            # A property may have such a name; what is dropped is what the description says beside it.
            return {
                key: {name: _without(each, names) for name, each in item.items()}
                if key == "properties"
                else _without(item, names)
                for key, item in value.items()
                if key not in names
            }
        case list():
            return [_without(item, names) for item in value]
        case _:
            return value
