"""Parsers of request bodies: strict, and limited in size."""

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from rest_framework.parsers import BaseParser

from soukloop.core import jsonlib
from soukloop.core.error_codes import CoreErrorCode
from soukloop.core.errors import BadRequest, PayloadTooLarge


class JSONParser(BaseParser):
    """Accept a JSON object in UTF-8 of at most `JSON_BODY_MAX_BYTES`; an empty body is an empty object."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        raw = stream.read(settings.JSON_BODY_MAX_BYTES + 1)
        if len(raw) > settings.JSON_BODY_MAX_BYTES:
            raise PayloadTooLarge
        if not raw.strip():
            return {}
        try:
            data = jsonlib.loads(raw)
        except ValueError as error:
            message = _("The request body is not valid JSON: %(problem)s.")
            raise BadRequest(message, code=CoreErrorCode.MALFORMED_JSON, params={"problem": error}) from error
        if not isinstance(data, dict):
            raise BadRequest(_("The request body must be a JSON object."), code=CoreErrorCode.MALFORMED_JSON)
        return data
