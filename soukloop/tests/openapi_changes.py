"""Finds what in a new OpenAPI description breaks clients of an old one; additions don't."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]
_NEVER_LOWER, _NEVER_HIGHER = ("minimum", "minLength", "minItems"), ("maximum", "maxLength", "maxItems")
_METHODS = ("get", "head", "post", "put", "patch", "delete")


def breaking_changes(old: Schema, new: Schema) -> list[str]:
    """Return a sentence per change that an app built for `old` would notice."""
    return list(_Comparison(old, new).paths())


@dataclass
class _Comparison:
    old: Schema
    new: Schema

    def paths(self) -> Iterator[str]:
        for path, operations in self.old["paths"].items():
            for method in (name for name in _METHODS if name in operations):
                name = f"{method.upper()} {path}"
                found = self.new["paths"].get(path, {}).get(method)
                if found is None:
                    yield f"{name} is gone"
                else:
                    yield from self._operation(name, operations[method], found)

    def _operation(self, name: str, old: Schema, new: Schema) -> Iterator[str]:
        if old["operationId"] != new["operationId"]:
            yield f"{name}: its operationId {old['operationId']} is now {new['operationId']}"
        if _is_public(old) and not _is_public(new):
            yield f"{name}: it needs a login now"
        yield from self._parameters(name, old.get("parameters", []), new.get("parameters", []))
        yield from self._body(name, old.get("requestBody", {}), new.get("requestBody", {}))
        for status, response in old["responses"].items():
            if status not in new["responses"]:
                yield f"{name}: the status {status} is gone"
                continue
            before = self._resolve(response, self.old).get("content", {})
            after = self._resolve(new["responses"][status], self.new).get("content", {})
            for media_type, content in before.items():
                if media_type not in after:
                    yield f"{name}: {status} has no {media_type} any more"
                else:
                    compared = _Shapes(self, is_input=False)
                    yield from compared.compare(
                        f"{name}: {status} ", content["schema"], after[media_type]["schema"]
                    )

    def _parameters(self, name: str, old: list[Schema], new: list[Schema]) -> Iterator[str]:
        before = {(each["in"], each["name"]): each for each in old}
        after = {(each["in"], each["name"]): each for each in new}
        for key, parameter in before.items():
            if key not in after:
                yield f"{name}: the parameter {key[1]} is gone"
            else:
                compared = _Shapes(self, is_input=True)
                where = f"{name}: parameter {key[1]}"
                yield from compared.compare(where, parameter["schema"], after[key]["schema"])
        for key, parameter in after.items():
            if parameter.get("required") and not before.get(key, {}).get("required"):
                yield f"{name}: the parameter {key[1]} is required now"

    def _body(self, name: str, old: Schema, new: Schema) -> Iterator[str]:
        if new.get("required") and not old.get("required"):
            yield f"{name}: a body is required now"
        for media_type, content in old.get("content", {}).items():
            found = new.get("content", {}).get(media_type)
            if found is None:
                yield f"{name}: {media_type} isn't taken any more"
            else:
                compared = _Shapes(self, is_input=True)
                yield from compared.compare(f"{name}: body", content["schema"], found["schema"])

    def _resolve(self, part: Schema, document: Schema) -> Schema:
        while "$ref" in part:
            target: Any = document
            for step in part["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            part = target
        return part


class _Shapes:
    """Compares one shape and all inside it; what clients send may only widen, what they get only narrow."""

    def __init__(self, documents: _Comparison, *, is_input: bool) -> None:
        self._documents = documents
        self._is_input = is_input
        self._compared: set[tuple[str, str]] = set()

    def compare(self, where: str, old: Schema, new: Schema) -> Iterator[str]:
        references = (_reference(old), _reference(new))
        if references in self._compared:
            return
        if references[0]:
            self._compared.add(references)
        before, before_types = self._flat(old, self._documents.old)
        after, after_types = self._flat(new, self._documents.new)
        yield from self._types(where, before_types, after_types)
        if self._is_input:
            yield from self._limits(where, before, after)
        yield from self._values(where, before, after)
        yield from self._fields(where, before, after)
        for part in ("items", "additionalProperties"):
            if isinstance(before.get(part), dict) and isinstance(after.get(part), dict):
                yield from self.compare(f"{where}[]", before[part], after[part])

    def _types(self, where: str, old: set[str], new: set[str]) -> Iterator[str]:
        lost, added = old - new, new - old
        if "number" in new:
            lost -= {"integer"}
        if "number" in old:
            added -= {"integer"}
        if self._is_input and lost and new:
            yield f"{where} may not be {_words(lost)} any more"
        if not self._is_input and added and old:
            yield f"{where} may be {_words(added)} now"

    def _limits(self, where: str, old: Schema, new: Schema) -> Iterator[str]:
        for limit in _NEVER_LOWER:
            if limit in new and new[limit] > old.get(limit, float("-inf")):
                yield f"{where} has the {limit} {new[limit]} now"
        for limit in _NEVER_HIGHER:
            if limit in new and new[limit] < old.get(limit, float("inf")):
                yield f"{where} has the {limit} {new[limit]} now"
        for rule in ("pattern", "format"):
            if new.get(rule) not in (None, old.get(rule)):
                yield f"{where} has the {rule} {new[rule]} now"

    def _values(self, where: str, old: Schema, new: Schema) -> Iterator[str]:
        if self._is_input and "enum" in new:
            if "enum" not in old:
                yield f"{where} takes only {_words(new['enum'])} now"
            elif lost := set(map(str, old["enum"])) - set(map(str, new["enum"])):
                yield f"{where} doesn't take {_words(lost)} any more"
        if not self._is_input and old.get("format") != new.get("format"):
            yield f"{where} has another format: {new.get('format')} instead of {old.get('format')}"

    def _fields(self, where: str, old: Schema, new: Schema) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        was_required, is_required = set(old.get("required", [])), set(new.get("required", []))
        for name, schema in before.items():
            place = f"{where}.{name}"
            if name not in after:
                yield f"{place} is gone"
                continue
            if self._is_input and name in is_required - was_required:
                yield f"{place} is required now"
            if not self._is_input and name in was_required - is_required:
                yield f"{place} may be left out now"
            yield from self.compare(place, schema, after[name])
        if self._is_input:
            for name in sorted(is_required - set(before)):
                yield f"{where}.{name} is new and required"

    def _flat(self, schema: Schema, document: Schema) -> tuple[Schema, set[str]]:
        """Return a schema without references and `or null`, and the types that it allows."""
        schema = self._documents._resolve(schema, document)
        types: set[str] = set()
        choices = schema.get("oneOf") or schema.get("anyOf") or schema.get("allOf")
        if choices:
            inner = [self._documents._resolve(choice, document) for choice in choices]
            types |= {"null"} if any(each.get("type") == "null" for each in inner) else set()
            shape = next(each for each in inner if each.get("type") != "null")
            schema = {**shape, **{key: value for key, value in schema.items() if not key.endswith("Of")}}
        kind = schema.get("type", [])
        return schema, types | ({kind} if isinstance(kind, str) else set(kind))


def _reference(schema: Schema) -> str:
    """Return what a schema refers to, itself or beside null; "" for one that is written out."""
    choices = [schema, *schema.get("oneOf", []), *schema.get("allOf", [])]
    return next((choice["$ref"] for choice in choices if "$ref" in choice), "")


def _is_public(operation: Schema) -> bool:
    security = operation.get("security", [])
    return not security or {} in security


def _words(values: Any) -> str:
    return " or ".join(sorted(map(str, values)))
