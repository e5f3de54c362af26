"""The OpenAPI description: drf-spectacular, extended by the envelope, the errors and `Idempotency-Key`."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework.settings import api_settings

from soukloop.core.domain import domain_apps

BARE = {"x-bare": True}
"""For `@extend_schema(extensions=BARE)`, where a view returns `envelope.Bare`."""

_ERROR = {
    "type": "object",
    "required": ["success", "error"],
    "properties": {
        "success": {"const": False},
        "error": {
            "type": "object",
            "required": ["code", "message", "details"],
            "properties": {
                "code": {"type": "string", "description": "Stable; see docs/errors.md"},
                "message": {"type": "string", "description": "For people"},
                "details": {"type": "object", "additionalProperties": True},
            },
        },
    },
}
_ERROR_EXAMPLE = {
    "success": False,
    "error": {
        "code": "validation_error",
        "message": "Some fields are missing or invalid.",
        "details": {"price": ["A price must be more than zero."]},
    },
}
_IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="A request with the same key and body within 24 hours gets the first response and has no"
    " second effect.",
)


class EnvelopeSchema(AutoSchema):
    """Describe the header of handlers that are wrapped in `idempotent`."""

    def get_override_parameters(self) -> list[Any]:
        name = getattr(self.view, "action", None) or self.method.lower()
        handler = getattr(self.view, name, None)
        return [_IDEMPOTENCY_KEY] if getattr(handler, "is_idempotent", False) else []


class BearerTokenScheme(OpenApiAuthenticationExtension):
    """Describe how requests are authenticated."""

    target_class = api_settings.user_settings["DEFAULT_AUTHENTICATION_CLASSES"][0]
    name = "bearer"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "The access token from register, login or refresh.",
        }


def wrap_in_envelope(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Wrap schemas and examples of successful responses in the envelope; add the error response.

    Bodies have no fields but those described, because the views refuse others.
    """
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Error"] = _ERROR
    components.setdefault("responses", {})["Error"] = {
        "description": "An error: the status gives its kind, `error.code` its cause.",
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/Error"},
                "example": _ERROR_EXAMPLE,
            }
        },
    }
    schemas = components["schemas"]
    for name in schemas:
        if name.endswith("InputRequest"):  # drf-spectacular adds "Request" to the shapes of bodies
            schemas[name]["additionalProperties"] = False
    for path in result.get("paths", {}).values():
        for operation in path.values():
            is_bare = operation.pop("x-bare", False)
            for status, response in operation["responses"].items():
                if status.startswith("2") and not is_bare:
                    _wrap(response)
            operation["responses"]["default"] = {"$ref": "#/components/responses/Error"}
    return result


def add_tags(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Describe the tags that the domain apps declare, in their order."""
    result["tags"] = [
        {"name": name, "description": description}
        for app in domain_apps()
        for name, description in app.api_tags.items()
    ]
    return result


def _wrap(response: dict[str, Any]) -> None:
    for content in response.get("content", {}).values():
        content["schema"] = {
            "type": "object",
            "required": ["success", "data"],
            "properties": {"success": {"const": True}, "data": content.get("schema", {})},
        }
        for example in content.get("examples", {}).values():
            if not (isinstance(example.get("value"), dict) and "success" in example["value"]):
                example["value"] = {"success": True, "data": example.get("value")}
