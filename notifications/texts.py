"""The texts of notifications, from their kind's templates, in one person's language."""

import re
import zoneinfo
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.conf import settings
from django.utils import formats, timezone, translation

from notifications.kinds import KINDS, Kind, Template, app_link
from notifications.models import Notification
from soukloop.core.money import price_display

TITLE_MAX = 200
BODY_MAX = 500

# A value inside a sentence is isolated (Unicode's UAX #9), so that an Arabic name in an English sentence, or
# an amount in an Arabic one, doesn't change the order of the words around it.
_ISOLATE, _END_ISOLATE = "\u2068", "\u2069"
_DIRECTION_CHARACTERS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Text(NamedTuple):
    title: str
    body: str


def render(kind_name: str, params: Mapping[str, Any], language: str, *, time_zone: str | None = None) -> Text:
    """Return the title and body in this language ("en" or "ar").

    `params` has the templates' values: texts, numbers, `{"amount": "750.00", "currency": "AED"}`,
    `{"at": "2026-11-27T18:00:00Z"}` and `{"label": key of the kind's labels}`. Notifications that were
    written before there were templates have `title` and `body` in `params` and keep their texts.
    """
    kind = KINDS.get(kind_name)
    if kind is None or "title" in params:
        return Text(str(params.get("title", "")), str(params.get("body", "")))
    with translation.override(language), timezone.override(zone_of(time_zone)):
        values = {name: _format(kind, value) for name, value in params.items()}
        return Text(
            truncate(_fill(kind.title, values), TITLE_MAX), truncate(_fill(kind.body, values), BODY_MAX)
        )


def path_of(notification: Notification) -> str:
    """Return the path of a notification's deep link, or "notifications" for a kind that is gone."""
    kind = KINDS.get(notification.kind)
    try:
        return kind.path_for(notification.data) if kind else "notifications"
    except KeyError:  # written before the kind had this link
        return "notifications"


def link_of(notification: Notification) -> str:
    """Return the address that opens the app where a notification leads."""
    return app_link(path_of(notification))


def truncate(text: str, max_length: int) -> str:
    """Shorten to this many characters, ending with an ellipsis, and close an isolate that was cut open."""
    if len(text) <= max_length:
        return text
    cut = text[: max_length - 2].rstrip()
    is_open = cut.count(_ISOLATE) > cut.count(_END_ISOLATE)
    return cut + "…" + (_END_ISOLATE if is_open else "")


def shorten_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Shorten the values that are texts to what a body can show; they are stored for each recipient."""
    return {
        name: value[: BODY_MAX - 1] + "…" if isinstance(value, str) and len(value) > BODY_MAX else value
        for name, value in params.items()
    }


def _fill(template: Template, values: Mapping[str, Any]) -> str:
    isolated = {
        name: f"{_ISOLATE}{value}{_END_ISOLATE}" if isinstance(value, str) else value
        for name, value in values.items()
    }
    # Evaluated by `%` in the language that is active, and in the plural form that the number needs.
    text = str(template % isolated)
    is_only_a_value = text.count(_ISOLATE) == 1 and text[0] == _ISOLATE and text[-1] == _END_ISOLATE
    return text[1:-1] if is_only_a_value else text


def _format(kind: Kind, value: Any) -> Any:
    match value:
        case {"label": key}:
            return str(kind.labels[key]) if key in kind.labels else str(key)
        case {"amount": amount, "currency": currency}:
            return price_display(Decimal(str(amount)), str(currency))
        case {"at": at}:
            return formats.date_format(timezone.localtime(datetime.fromisoformat(str(at))), "DATETIME_FORMAT")
        case str():
            return _DIRECTION_CHARACTERS.sub("", value)
    return value


def zone_of(name: str | None) -> zoneinfo.ZoneInfo:
    """Return a time zone by its IANA name; that of the marketplace for None."""
    return zoneinfo.ZoneInfo(name or settings.STAFF_TIME_ZONE)
