"""The OpenAPI description: drf-spectacular, extended by the envelope, the errors and `Idempotency-Key`."""

from functools import lru_cache
from typing import Any

from django.conf import settings
from django.utils import translation
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import build_examples_list
from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_spectacular.utils import OpenApiParameter
from rest_framework.settings import api_settings

from soukloop.core import jsonlib
from soukloop.core.domain import domain_apps
from soukloop.core.http.openapi_names import envelope_name

BARE = {"x-bare": True}
"""For `@extend_schema(extensions=BARE)`, where a view returns `envelope.Bare`."""

OPTIONAL_LOGIN: Any = [{"bearer": []}, {}]
"""For `@extend_schema(auth=OPTIONAL_LOGIN)`, where a view reads the access token itself."""

_SUCCESS = {"type": "boolean", "const": True}
_IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="A request with the same key and body within 24 hours gets the first response and has no"
    " second effect.",
)


@lru_cache(maxsize=1)
def openapi_bytes() -> bytes:
    """Return the document as JSON; it is generated once per process, which takes 0.1 to 0.4 seconds."""
    with translation.override("en"):
        document = SchemaGenerator().get_schema(request=None, public=True)
        return OpenApiJsonRenderer().render(document, renderer_context={})


@lru_cache(maxsize=1)
def openapi_document() -> dict[str, Any]:
    """Return the document as clients read it; don't change it, because callers share it."""
    document: dict[str, Any] = jsonlib.loads(openapi_bytes())
    return document


class EnvelopeSchema(AutoSchema):
    """Describe the header of handlers that are `idempotent`, and the body of a DELETE that has one."""

    def get_operation(self, *args: Any) -> dict[str, Any] | None:
        operation: dict[str, Any] | None = super().get_operation(*args)
        serializer = self.get_request_serializer() if operation and self.method == "DELETE" else None
        if operation and serializer is not None:
            schema = self.resolve_serializer(serializer, "request").ref
            examples = build_examples_list(
                [example for example in self.get_examples() if example.request_only]
            )
            content = {"application/json": {"schema": schema, "examples": examples}}
            operation["requestBody"] = {"content": content, "required": True}
        return operation

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
    """Wrap schemas and examples of successful responses in the envelope."""
    schemas = result["components"]["schemas"]
    for path in result["paths"].values():
        for operation in path.values():
            is_bare = operation.pop("x-bare", False)
            for status, response in operation["responses"].items():
                response["description"] = response["description"] or "Success"
                contents = response.get("content", {}) if status.startswith("2") else {}
                for media_type, content in contents.items():
                    if media_type != "application/json":  # a file or a page
                        continue
                    if is_bare:
                        name = content["schema"]["$ref"].rsplit("/", 1)[-1]
                        schemas[name]["properties"]["success"] = _SUCCESS
                    else:
                        _wrap(content, schemas)
    return result


def add_server(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Say where this server is."""
    result["servers"] = [{"url": settings.BASE_URL, "description": "This server"}]
    return result


def add_tags(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Describe the tags that the domain apps declare, in their order."""
    result["tags"] = [
        {"name": name, "description": description}
        for app in domain_apps()
        for name, description in app.api_tags.items()
    ]
    return result


def _wrap(content: dict[str, Any], schemas: dict[str, Any]) -> None:
    name = envelope_name(content["schema"])
    schemas[name] = {
        "type": "object",
        "required": ["success", "data"],
        "properties": {"success": _SUCCESS, "data": content["schema"]},
    }
    content["schema"] = {"$ref": f"#/components/schemas/{name}"}
    for example in content.get("examples", {}).values():
        example["value"] = {"success": True, "data": example["value"]}
