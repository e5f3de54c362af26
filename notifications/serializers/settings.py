"""Inputs and outputs of a person's settings of notifications."""

import zoneinfo
from collections.abc import Mapping
from typing import Any

from django.utils import translation
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from notifications.kinds import CHANNELS, KINDS
from notifications.models import ALL_EMAILS, NotificationSettings
from soukloop.core.errors import Text
from soukloop.core.http.fields import PlainTextField

_TIME = "%H:%M"


def _refuse_unknown(serializer: serializers.Serializer[None], data: Any, message: Text) -> None:
    """Refuse names that the serializer doesn't have, as `validated` does for the fields of a body."""
    if isinstance(data, Mapping) and (unknown := set(data) - set(serializer.fields)):
        raise serializers.ValidationError({name: [str(message)] for name in sorted(map(str, unknown))[:10]})


@extend_schema_field({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"})
class ClockTimeField(serializers.TimeField):
    """Hours and minutes, such as 22:00."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(input_formats=[_TIME], format=_TIME, **kwargs)


class QuietHoursOutput(serializers.Serializer[None]):
    """When no pushes are sent, by the clock of `time_zone`."""

    def get_fields(self) -> dict[str, Any]:
        return {  # `from` is a Python keyword
            "from": ClockTimeField(help_text="Such as 22:00"),
            "until": ClockTimeField(help_text="May be past midnight"),
        }


class QuietHoursInput(QuietHoursOutput):
    def to_internal_value(self, data: Any) -> Any:
        _refuse_unknown(self, data, _("There is no such field."))
        return super().to_internal_value(data)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["from"] == attrs["until"]:
            raise serializers.ValidationError({"until": [_("Quiet hours must end at another time.")]})
        return attrs


class ChannelsInput(serializers.Serializer[None]):
    inbox = serializers.BooleanField(required=False)
    push = serializers.BooleanField(required=False)
    email = serializers.BooleanField(required=False, help_text="In the daily email of what was not read")

    def to_internal_value(self, data: Any) -> Any:
        _refuse_unknown(self, data, _("There is no such channel."))
        return super().to_internal_value(data)


class NotificationSettingsInput(serializers.Serializer[None]):
    time_zone = PlainTextField(required=False, max_length=50, help_text="IANA's name, such as Asia/Dubai")
    quiet_hours = QuietHoursInput(required=False, allow_null=True)
    daily_email = serializers.BooleanField(required=False, help_text="What was not read, once a day")
    kinds = serializers.DictField(
        child=ChannelsInput(), required=False, help_text="By the name of the kind: what changes"
    )

    def validate_time_zone(self, name: str) -> str:
        # The list has `localtime`, `Factory` and old names without a place, too.
        is_place = "/" in name or name == "UTC"
        if not is_place or name not in zoneinfo.available_timezones():
            raise serializers.ValidationError(_("Use a name of IANA's list, such as Asia/Dubai."))
        return name

    def validate_kinds(self, kinds: dict[str, dict[str, bool]]) -> dict[str, dict[str, bool]]:
        problems = {}
        for name, channels in kinds.items():
            if name not in KINDS:
                problems[name] = [_("There is no such kind of notification.")]
            elif KINDS[name].is_mandatory and not all(channels.values()):
                problems[name] = [_("Notices about your account can't be switched off.")]
        if problems:
            raise serializers.ValidationError(problems)
        return kinds


class ChannelsOutput(serializers.Serializer[None]):
    label = serializers.CharField(  # type: ignore[assignment]
        help_text="For a person, in the language of the answer"
    )
    is_mandatory = serializers.BooleanField(help_text="It can't be switched off, and is emailed at once")
    inbox = serializers.BooleanField()
    push = serializers.BooleanField()
    email = serializers.BooleanField()


class NotificationSettingsOutput(serializers.Serializer[None]):
    time_zone = serializers.CharField()
    quiet_hours = QuietHoursOutput(allow_null=True)
    daily_email = serializers.BooleanField(help_text="False also if it was ended by a link in an email")
    kinds = serializers.DictField(child=ChannelsOutput(), help_text="By the name of the kind")


def settings_body(settings: NotificationSettings, language: str) -> dict[str, Any]:
    """Return a NotificationSettingsOutput."""
    quiet_hours = None
    if settings.quiet_from and settings.quiet_until:
        quiet_hours = {
            "from": settings.quiet_from.strftime(_TIME),
            "until": settings.quiet_until.strftime(_TIME),
        }
    return {
        "time_zone": settings.time_zone,
        "quiet_hours": quiet_hours,
        "daily_email": ALL_EMAILS not in settings.off,
        "kinds": _kinds_body(settings, language),
    }


def _kinds_body(settings: NotificationSettings, language: str) -> Mapping[str, Any]:
    off = set(settings.off)
    with translation.override(language):
        return {
            name: {
                "label": str(kind.label),
                "is_mandatory": kind.is_mandatory,
                **{channel: f"{channel}:{name}" not in off for channel in CHANNELS},
            }
            for name, kind in sorted(KINDS.items())
        }
