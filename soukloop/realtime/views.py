"""The view of the sockets' AsyncAPI document."""

import functools

from django.http import HttpRequest, HttpResponse

from soukloop.core import jsonlib
from soukloop.realtime.asyncapi import asyncapi


def asyncapi_document(request: HttpRequest) -> HttpResponse:
    """Return the AsyncAPI 3 document."""
    return HttpResponse(_document(), content_type="application/json")


@functools.cache
def _document() -> bytes:
    return jsonlib.dumps(asyncapi())
