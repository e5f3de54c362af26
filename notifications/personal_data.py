"""What an export of a person's data has of notifications."""

from notifications.models import Device, FollowNotice, Notification, NotificationSettings, Push
from soukloop.core.personal_data import PersonalTable, owned_by

TABLES = [
    # Without the values of the texts, which quote other people.
    PersonalTable(
        "notifications", Notification, owned_by("user"), ("id", "kind", "data", "read_at", "created_at")
    ),
    PersonalTable(
        "devices",
        Device,
        owned_by("user"),
        ("id", "platform", "app_version", "locale", "created_at", "last_used_at"),
    ),
    PersonalTable(
        "pushes",
        Push,
        owned_by("device__user"),
        ("device", "notification", "status", "not_before", "finished_at"),
    ),
    PersonalTable(
        "notification_settings",
        NotificationSettings,
        owned_by("user"),
        ("off", "time_zone", "quiet_from", "quiet_until", "digest_on"),
    ),
]

NOT_EXPORTED = {FollowNotice: "kept for a day, so that following again notifies nobody again"}
