"""Serializer fields that every app uses: ids, text that people read, locations."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib.gis.geos import Point
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty

from soukloop.core.typed_text import remove_hidden

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
# Word and PowerPoint end lines with VT, FF, NEL, U+2028 or U+2029; some programs send CR CR LF for one end.
_LINE_END = re.compile(r"\r?\r?\n|[\r\x0b\x0c\x85\u2028\u2029]")
_LINE_ENDS = re.compile(r"[\n\r\x0b\x0c\x85\u2028\u2029]+")
# Control characters that are no line ends; a text of several lines may also have tabs.
_CONTROL = re.compile(r"[\x00-\x09\x0e-\x1f\x7f-\x84\x86-\x9f]")
_CONTROL_IN_LINES = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
# Letters and symbols according to Unicode, but drawn as blank: Hangul fillers, Braille blank, null notehead.
_BLANKS = "\u115f\u1160\u3164\uffa0\u2800\U0001d159"
# Phones have new emoji years before Python's Unicode tables do.
_EMOJI = range(0x1F000, 0x1FB00)


class IdField(serializers.UUIDField):
    """A UUID with hyphens, in upper or lower case; DRF would also accept integers, braces and URNs."""

    default_error_messages = {"invalid": _("Use an id such as 5e2f9c1a-0d3b-4c4e-9f66-2f1f0a7b8c9d.")}

    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str) or not _ID.fullmatch(data):
            self.fail("invalid")
        return UUID(data)


class PlainTextField(serializers.CharField):
    """Text that people read: a string with a visible character and without control characters.

    Line ends of every kind become "\\n" in a text that has lines, and a space in a text of one line.
    Characters that cannot be seen are removed (`remove_hidden`).
    """

    default_error_messages = {
        "control": _("Character {position} is U+{code:04X}, which cannot be seen. Remove it."),
        "invisible": _("This field has no visible characters."),
    }

    def __init__(self, *, has_lines: bool = False, **kwargs: Any) -> None:
        self.has_lines = has_lines
        super().__init__(**kwargs)

    def run_validation(self, data: Any = empty) -> Any:
        if isinstance(data, str):
            # Before line ends are replaced, so that the position is the one that the client sent.
            if control := (_CONTROL_IN_LINES if self.has_lines else _CONTROL).search(data):
                self.fail("control", position=control.start() + 1, code=ord(control[0]))
            data = self._without_hidden(replace_line_ends(data, has_lines=self.has_lines))
        return super().run_validation(data)

    def _without_hidden(self, text: str) -> str:
        shown = remove_hidden(text, has_lines=self.has_lines)
        if not shown.strip() and shown.strip() != text.strip():
            self.fail("invisible")
        return shown

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        text = super().to_internal_value(data)
        if text and not any(_is_visible(letter) for letter in text):
            self.fail("invisible")
        return text


@extend_schema_field(
    {
        "title": "Location",  # the name of its schema
        "type": "object",
        "properties": {
            "latitude": {"type": "number", "format": "double", "minimum": -90, "maximum": 90},
            "longitude": {"type": "number", "format": "double", "minimum": -180, "maximum": 180},
        },
        "required": ["latitude", "longitude"],
        "additionalProperties": False,
    }
)
class LocationField(serializers.Field[Point, Any, dict[str, float], Any]):
    """A location: `{"latitude": …, "longitude": …}` in degrees in JSON, a `Point` in Python.

    Not a nested serializer, because in a partial update that would accept one coordinate without the other.
    """

    _LIMITS = (("latitude", 90), ("longitude", 180))

    def to_internal_value(self, data: Any) -> Point:
        if not isinstance(data, Mapping):
            raise serializers.ValidationError({"non_field_errors": [_("A location must be an object.")]})
        degrees: dict[str, float] = {}
        problems: dict[str, list[Any]] = {}
        for name, limit in self._LIMITS:
            value = data.get(name)
            if name not in data:
                problems[name] = [_("This field is required.")]
            elif isinstance(value, bool) or not isinstance(value, (int, float)):
                problems[name] = [_("A coordinate must be a number.")]
            elif not abs(value) <= limit:  # NaN too
                problems[name] = [_("Use a number from %(min)s to %(max)s.") % {"min": -limit, "max": limit}]
            else:
                degrees[name] = float(value)
        if set(data) - {"latitude", "longitude"}:
            problems["non_field_errors"] = [_("A location has a latitude and a longitude, and nothing else.")]
        if problems:
            raise serializers.ValidationError(problems)
        return Point(degrees["longitude"], degrees["latitude"], srid=4326)

    def to_representation(self, value: Point) -> dict[str, float]:
        return location_body(value)


def replace_line_ends(text: str, *, has_lines: bool) -> str:
    """Return the text with "\\n" for each line end, or with a space for each run of line ends.

    Takes time in proportion to the length, because it runs before the length is checked.
    """
    if has_lines:
        return _LINE_END.sub("\n", text)
    if len(lines := _LINE_ENDS.split(text)) == 1:
        return text
    return " ".join(filter(None, (line.strip(" ") for line in lines)))


def location_body(location: Point) -> dict[str, float]:
    return {"latitude": location.y, "longitude": location.x}


def _is_visible(letter: str) -> bool:
    category = unicodedata.category(letter)
    if category == "Cn":
        return ord(letter) in _EMOJI
    return category[0] not in "CMZ" and letter not in _BLANKS
