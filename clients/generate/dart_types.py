"""JSON schemas as Dart types: how each is named, read from JSON and written to it."""

import re
from dataclasses import dataclass
from typing import Any

from clients.generate.descriptions import Schema, camel, pascal

RESERVED = frozenset(
    word
    for line in (
        "abstract as assert async await base break case catch class const continue covariant",
        "default deferred do dynamic else enum export extends extension external factory false final",
        "finally for get hide if implements import in interface is late library mixin",
        "new null of on operator part required rethrow return sealed set show static",
        "super switch sync this throw true try type typedef var void when while",
        "with yield",
    )
    for word in line.split()
)
# What each class has already, or takes from Object.
_MEMBERS = frozenset(
    {"fromJson", "toJson", "hashCode", "runtimeType", "toString", "noSuchMethod", "values", "wire"}
)


@dataclass(frozen=True)
class DartType:
    """A type, and the expressions that read it from JSON and write it; `{}` stands for the value."""

    name: str
    read: str
    write: str = "{}"
    is_nullable: bool = False

    @property
    def declared(self) -> str:
        return f"{self.name}?" if self.is_nullable and self.name != "Object?" else self.name

    def reading(self, value: str) -> str:
        read = self.read.replace("{}", value)
        is_cast = not self.is_nullable or self.name == "Object?"
        return read if is_cast else f"{value} == null ? null : {read}"

    def writing(self, value: str, *, is_maybe_null: bool) -> str:
        if self.write == "{}":
            return value
        return self.write.replace("{}", f"{value}?" if is_maybe_null else value)

    def optional(self) -> "DartType":
        return DartType(self.name, self.read, self.write, is_nullable=True)


_ANY = DartType("Object?", "{}")
_PLAIN = {
    "string": DartType("String", "{} as String"),
    "integer": DartType("int", "({} as num).toInt()"),
    "number": DartType("double", "({} as num).toDouble()"),
    "boolean": DartType("bool", "{} as bool"),
}
_TIME = DartType("DateTime", "DateTime.parse({} as String)", "{}.toUtc().toIso8601String()")
_MAP = DartType("Map<String, Object?>", "({} as Map).cast<String, Object?>()")


def member_name(name: str) -> str:
    """Return a name for a field or parameter, which Dart does not reserve."""
    made = camel(name)
    if made[0].isdigit():
        made = f"value{made}"
    return f"{made}Value" if made in RESERVED | _MEMBERS else made


class TypeNames:
    """The named schemas of a description, and those that are written where they are used, named after it."""

    def __init__(self, schemas: dict[str, Schema]) -> None:
        self.schemas = dict(schemas)

    def type_of(self, schema: Schema, place: str) -> DartType:
        """Return the type of a schema; `place` names it if it is an object or an enum without a name."""
        match schema:
            case {"$ref": str(reference)}:
                return self._named(reference.rpartition("/")[2])
            case {"allOf": [one]}:
                return self.type_of(one, place)
            case {"oneOf": list(several)} | {"anyOf": list(several)}:
                return self._one_of(several, place)
            case {"type": [*kinds]}:
                rest = [kind for kind in kinds if kind != "null"]
                if len(rest) != 1:
                    return _ANY
                made = self.type_of({**schema, "type": rest[0]}, place)
                return made.optional() if "null" in kinds else made
            case {"enum": list(values)} if all(isinstance(value, str) for value in values):
                return self._inline(schema, place)
            case {"type": "object"} if schema.get("properties"):
                return self._inline(schema, place)
            case {"type": "object"}:
                return self._map(schema, place)
            case {"type": "array"}:
                return self._list(schema, place)
            case {"type": "string", "format": "date-time"}:
                return _TIME
            case {"type": str(kind)}:
                return _PLAIN.get(kind, _ANY)
            case {"const": str()}:
                return _PLAIN["string"]
            case _:
                return _ANY

    def _named(self, name: str) -> DartType:
        made = pascal(name)
        schema = self.schemas[name]
        if "enum" in schema:
            return DartType(made, f"{made}.fromWire({{}} as String)", "{}.wire")
        if schema.get("properties"):
            return DartType(made, f"{made}.fromJson(({{}} as Map).cast<String, Object?>())", "{}.toJson()")
        return self.type_of(schema, name)

    def _inline(self, schema: Schema, place: str) -> DartType:
        name = pascal(place)
        same = [known for known, each in self.schemas.items() if each == schema]
        if not same:
            assert self.schemas.setdefault(name, schema) == schema, f"two schemas are called {name}"
        return self._named(same[0] if same else name)

    def _one_of(self, several: list[Schema], place: str) -> DartType:
        rest = [each for each in several if each.get("type") != "null" and each.get("enum") != [None]]
        if len(rest) != 1:
            return _ANY
        made = self.type_of(rest[0], place)
        return made.optional() if len(rest) < len(several) else made

    def _map(self, schema: Schema, place: str) -> DartType:
        values: Any = schema.get("additionalProperties")
        if not isinstance(values, dict) or not values:
            return _MAP
        inner = self.type_of(values, f"{place}Value")
        read = f"({{}} as Map).map((key, value) => MapEntry(key as String, {inner.reading('value')}))"
        if inner.write == "{}":
            return DartType(f"Map<String, {inner.declared}>", read)
        written = inner.writing("value", is_maybe_null=inner.is_nullable)
        return DartType(
            f"Map<String, {inner.declared}>", read, f"{{}}.map((key, value) => MapEntry(key, {written}))"
        )

    def _list(self, schema: Schema, place: str) -> DartType:
        inner = self.type_of(schema.get("items", {}), f"{place}Item")
        read = f"({{}} as List).map((each) => {inner.reading('each')}).toList()"
        if inner.write == "{}":
            return DartType(f"List<{inner.declared}>", read)
        written = inner.writing("each", is_maybe_null=inner.is_nullable)
        return DartType(f"List<{inner.declared}>", read, f"{{}}.map((each) => {written}).toList()")


def string(text: str) -> str:
    """Return a text as a Dart string."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("$", "\\$").replace("\n", "\\n")
    return f"'{escaped}'"


def comment(text: str, indent: str = "") -> list[str]:
    """Return a documentation comment, one line for each of the text's."""
    lines = [re.sub(r"\s+", " ", line).strip() for line in text.strip().splitlines()]
    return [f"{indent}/// {line}".rstrip() for line in lines if line] if text.strip() else []
