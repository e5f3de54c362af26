"""Examples of responses in the OpenAPI description: fields that an example leaves out are filled in."""

from typing import Any

_PREFIX = "#/components/schemas/"
_BY_FORMAT = {
    "uuid": "3f1d2c4b-5a6e-4f70-8b91-a2c3d4e5f607",
    "date-time": "2025-10-18T10:00:00Z",
    "uri": "https://example.com/image1.jpg",
    "email": "testbuyer@soukloop.com",
}
_BY_TYPE: dict[str, Any] = {"string": "text", "integer": 1, "number": 1.5, "boolean": False, "array": []}


def complete_examples(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Fill in the required fields that examples of responses lack: the contract prints only some fields."""
    schemas = result["components"]["schemas"]
    for path in result["paths"].values():
        for operation in path.values():
            for response in operation["responses"].values():
                for content in response.get("content", {}).values():
                    for example in content.get("examples", {}).values():
                        example["value"] = _completed(example["value"], content["schema"], schemas)
    return result


def _completed(value: Any, schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    schema = _resolved(schema, schemas)
    if isinstance(value, list):
        return [_completed(item, schema.get("items", {}), schemas) for item in value]
    if not isinstance(value, dict):
        return value
    properties = schema.get("properties", {})
    given = {
        name: _completed(item, properties[name], schemas) if name in properties else item
        for name, item in value.items()
    }
    missing = [name for name in properties if name in schema.get("required", []) and name not in value]
    return given | {name: _sample(properties[name], schemas) for name in missing}


def _sample(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """Return a value that the schema allows: null where it may be."""
    kinds = schema.get("type", [])
    is_nullable = "null" in kinds or {"type": "null"} in schema.get("oneOf", [])
    if is_nullable:
        return None
    schema = _resolved(schema, schemas)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "object":
        required = schema.get("required", [])
        return {
            name: _sample(inner, schemas)
            for name, inner in schema.get("properties", {}).items()
            if name in required
        }
    return _BY_FORMAT.get(schema.get("format", "")) or _BY_TYPE[schema["type"]]


def _resolved(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """Follow references; of alternatives, take the first that isn't null."""
    while True:
        if "$ref" in schema:
            schema = schemas[schema["$ref"].removeprefix(_PREFIX)]
        elif choices := [each for each in schema.get("oneOf", []) if each.get("type") != "null"]:
            schema = choices[0]
        elif len(schema.get("allOf", [])) == 1:
            schema = schema["allOf"][0]
        else:
            return schema
