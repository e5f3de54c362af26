"""The API's documentation pages, and the response for unknown URLs."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe
from drf_spectacular.views import SpectacularRedocView, SpectacularSwaggerView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from soukloop.core.error_codes import CoreErrorCode
from soukloop.core.errors import NotFound
from soukloop.core.http.openapi import openapi_bytes

# The pages' scripts come from this server; what they would load from other servers (a logo, a validator) is
# blocked.
_CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "script-src 'self' 'unsafe-inline' 'unsafe-eval'; worker-src blob:; frame-ancestors 'none'"
)
_METHODS = ["get", "head"]  # the library's answer to OPTIONS has no template


@require_safe
def openapi_json(request: HttpRequest) -> HttpResponse:
    """Return the OpenAPI document; there is one version of it."""
    return HttpResponse(openapi_bytes(), content_type="application/vnd.oai.openapi+json")


class DocsPage(SpectacularSwaggerView):
    """Swagger UI at `/docs`."""

    schema = None
    http_method_names = _METHODS

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        response: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        response["Content-Security-Policy"] = _CONTENT_SECURITY_POLICY
        return response


class RedocPage(SpectacularRedocView):
    """ReDoc at `/redoc`, with our own template: the library's loads fonts from another server."""

    schema = None
    http_method_names = _METHODS

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        response: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        response["Content-Security-Policy"] = _CONTENT_SECURITY_POLICY
        return response


class UnknownUrl(APIView):
    """Any URL under `/api/` that matches no other pattern."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound(_("URL not found."), code=CoreErrorCode.UNKNOWN_URL)
