"""Changes to what a person wants to hear of."""

from collections.abc import Mapping
from datetime import time
from typing import Any

from django.db import DataError, connection, transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from notifications.models import ALL_EMAILS, NotificationSettings
from soukloop.core.errors import ValidationFailed


@transaction.atomic
def update_settings(
    *,
    actor: User,
    kinds: Mapping[str, Mapping[str, bool]] | None = None,
    time_zone: str | None = None,
    daily_email: bool | None = None,
    **changes: Any,
) -> NotificationSettings:
    """Change the actor's settings: `kinds` by name and channel, and what else is given.

    `daily_email` switches the email of unread notifications, whatever the kinds say. `quiet_hours` is None,
    for none, or has the times `from` and `until`. Raises ValidationFailed for a time
    zone that PostgreSQL doesn't know.
    """
    NotificationSettings.objects.get_or_create(user=actor)
    settings = NotificationSettings.objects.select_for_update().get(user=actor)
    if kinds:
        settings.off = _switched(settings.off, kinds)
    if daily_email is not None:
        settings.off = sorted(
            {*settings.off, ALL_EMAILS} if not daily_email else {*settings.off} - {ALL_EMAILS}
        )
    if time_zone is not None:
        _check_time_zone(time_zone)
        settings.time_zone = time_zone
    if "quiet_hours" in changes:
        hours: Mapping[str, time | None] = changes["quiet_hours"] or {"from": None, "until": None}
        settings.quiet_from, settings.quiet_until = hours["from"], hours["until"]
    settings.save(update_fields=["off", "time_zone", "quiet_from", "quiet_until"])
    return settings


def _switched(off: list[str], kinds: Mapping[str, Mapping[str, bool]]) -> list[str]:
    switches = {f"{channel}:{kind}": is_on for kind, on in kinds.items() for channel, is_on in on.items()}
    kept = {switch for switch in off if not switches.get(switch)}
    return sorted(kept | {switch for switch, is_on in switches.items() if not is_on})


def _check_time_zone(name: str) -> None:
    """Pushes are timed by PostgreSQL, whose list of zones may be another one than Python's."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT now() AT TIME ZONE %s", [name])
    except DataError as error:
        message = _("Use a name of IANA's list, such as Asia/Dubai.")
        raise ValidationFailed(details={"time_zone": [message]}) from error
