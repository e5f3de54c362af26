"""Names in the OpenAPI description, of which generated code is made: schemas, envelopes, operations."""

from collections import Counter
from typing import Any

from django.conf import settings

_PREFIX = "#/components/schemas/"


def name_schemas(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Name schemas after serializers, without what says how they are used in Python.

    `OfferOutput` becomes `Offer`, `OfferPageOutput` becomes `OfferPage`; `SCHEMA_NAMES` has the exceptions.
    Inputs keep their name; they have no fields but those described, because the views refuse others.
    """
    schemas = result["components"]["schemas"]
    for name, schema in schemas.items():
        if name.endswith("InputRequest"):  # drf-spectacular adds "Request" to the shapes of bodies
            schema["additionalProperties"] = False
    names = {name: _schema_name(name) for name in schemas}
    taken_twice = [name for name, times in Counter(names.values()).items() if times > 1]
    assert not taken_twice, f"two schemas have the names {taken_twice}: rename a serializer, or SCHEMA_NAMES"
    result["components"]["schemas"] = {
        names[name]: schema for name, schema in schemas.items() if name != "Null"
    }
    _rename_references(result, names)
    _share_titled_shapes(result["components"]["schemas"])
    return result


def share_enums_with_parameters(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Let parameters that take the values of a named enum refer to it."""
    enums = {
        tuple(sorted(schema["enum"])): name
        for name, schema in result["components"]["schemas"].items()
        if "enum" in schema
    }
    for path in result["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", []):
                values = tuple(sorted(parameter["schema"].get("enum", [])))
                if values in enums:
                    parameter["schema"] = {"$ref": _PREFIX + enums[values]}
    return result


def name_repeated_operations(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Tell a POST apart from the PATCH of the same handler, whose name it has."""
    for path in result["paths"].values():
        if "patch" in path and "post" in path and path["post"]["operationId"] == path["patch"]["operationId"]:
            path["post"]["operationId"] += "ByPost"
    return result


def envelope_name(schema: dict[str, Any]) -> str:
    """Return the name of the envelope of a schema: `OfferResponse`, `CategoryListResponse`."""
    if schema.get("type") == "array":
        return envelope_name(schema["items"]).removesuffix("Response") + "ListResponse"
    return f"{schema['$ref'].removeprefix(_PREFIX)}Response"


def _schema_name(name: str) -> str:
    name = name.removesuffix("Request")
    return str(settings.SCHEMA_NAMES.get(name) or name.removesuffix("Output"))


def _share_titled_shapes(schemas: dict[str, Any]) -> None:
    """Make a schema of each field's shape that has a title: of a `LocationField`, `Location`."""
    titled: dict[str, Any] = {}
    for schema in schemas.values():
        for name, field in schema.get("properties", {}).items():
            if "title" not in field:
                continue
            about = {key: field.pop(key) for key in ("description", "default") if key in field}
            title, is_nullable = field["title"], "null" in field["type"]
            titled[title] = {**field, "type": "object"}
            del titled[title]["title"]
            reference = {"$ref": _PREFIX + title}
            schema["properties"][name] = about | (
                {"oneOf": [reference, {"type": "null"}]} if is_nullable else reference
            )
    schemas.update(titled)


def _rename_references(part: Any, names: dict[str, str]) -> None:
    if isinstance(part, list):
        for each in part:
            _rename_references(each, names)
    elif isinstance(part, dict):
        reference = part.get("$ref")
        if isinstance(reference, str) and reference.startswith(_PREFIX):
            name = reference.removeprefix(_PREFIX)
            if name == "Null":  # drf-spectacular makes a schema of "or null" beside an enum
                del part["$ref"]
                part["type"] = "null"
            else:
                part["$ref"] = _PREFIX + names[name]
        for each in part.values():
            _rename_references(each, names)
