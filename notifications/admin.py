"""The read-only admin screens of notifications, devices, pushes and people's settings."""

from urllib.parse import urlsplit

from django.contrib import admin
from django.utils.safestring import SafeString

from notifications.models import Device, Notification, NotificationSettings, Push
from notifications.texts import render
from soukloop.core.staff import format
from soukloop.core.staff.admin import ReadOnlyStateAdmin


@admin.register(Notification)
class NotificationAdmin(ReadOnlyStateAdmin):
    list_display = ("short_title", "owner_link", "kind", "sent", "is_read")
    list_select_related = ("user",)
    list_filter = ("kind", "created_at", ("read_at", admin.EmptyFieldListFilter))
    ordering = ("-created_at",)
    search_fields = ("=user__id", "=user__username", "=user__email")
    search_help_text = "Id, username or email of the owner"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "id",
                    "user",
                    "actor",
                    "kind",
                    "short_title",
                    "body",
                    "params",
                    "data",
                    "collapse_key",
                    "version",
                    "is_in_inbox",
                    "pushes",
                )
            },
        ),
        ("Times", {"fields": ("created_at", "read_at")}),
    )

    readonly_fields = ("short_title", "body", "pushes")

    @admin.display(description="title")
    def short_title(self, notification: Notification) -> str:
        return format.truncate(render(notification.kind, notification.params, "en").title, 48)

    @admin.display(description="body")
    def body(self, notification: Notification) -> str:
        return render(notification.kind, notification.params, "en").body

    @admin.display(description="to", ordering="user__username")
    def owner_link(self, notification: Notification) -> str:
        return format.link_to(notification.user, 16)

    @admin.display(description="sent", ordering="created_at")
    def sent(self, notification: Notification) -> str:
        return format.short_datetime(notification.created_at)

    @admin.display(description="read", ordering="read_at")
    def is_read(self, notification: Notification) -> str:
        return format.yes_or_dash(notification.read_at is not None)

    @admin.display(description="pushes")
    def pushes(self, notification: Notification) -> SafeString | str:
        pushes = notification.pushes.select_related("device").order_by("pk")
        rows = [
            (push.device.get_platform_display(), push.status, format.full_datetime(push.finished_at))
            for push in pushes
        ]
        return format.table(("Device", "Status", "Finished"), rows)


@admin.register(Device)
class DeviceAdmin(ReadOnlyStateAdmin):
    """Devices; never a whole token or key, with which others could send to the device."""

    list_display = ("short_token", "owner_link", "platform", "app_version", "locale", "used")
    list_select_related = ("user",)
    list_filter = ("platform", "last_used_at")
    ordering = ("-last_used_at",)
    search_fields = ("=id", "=user__id", "=user__username", "=user__email")
    search_help_text = "Id of the device; id, username or email of the owner"
    fieldsets = (
        (None, {"fields": ("id", "user", "platform", "short_token", "app_version", "locale", "latest")}),
        ("Times", {"fields": ("created_at", "last_used_at")}),
    )
    readonly_fields = ("short_token", "latest")

    @admin.display(description="token")
    def short_token(self, device: Device) -> str:
        if device.platform == Device.Platform.WEBPUSH:
            return f"{urlsplit(device.token).hostname}/…"
        return f"{device.token[:8]}…"

    @admin.display(description="owner", ordering="user__username")
    def owner_link(self, device: Device) -> str:
        return format.link_to(device.user, 16)

    @admin.display(description="last registered", ordering="last_used_at")
    def used(self, device: Device) -> str:
        return format.short_datetime(device.last_used_at)

    @admin.display(description="latest pushes")
    def latest(self, device: Device) -> SafeString | str:
        pushes = device.pushes.select_related("notification").order_by("-pk")[:20]
        rows = [
            (push.notification.kind, push.status, format.full_datetime(push.finished_at), push.error)
            for push in pushes
        ]
        return format.table(("Notification", "Status", "Finished", "Error"), rows)


@admin.register(Push)
class PushAdmin(ReadOnlyStateAdmin):
    list_display = ("kind", "owner_link", "platform", "status", "attempts", "due", "ended", "short_error")
    list_select_related = ("device__user", "notification")
    list_filter = ("status", "priority", "device__platform")
    ordering = ("-id",)
    search_fields = ("=device__id", "=notification__id", "=device__user__username")
    search_help_text = "Id of the device or notification; username of the owner"
    fieldsets = (
        (None, {"fields": ("id", "notification", "version", "device", "status", "priority", "error")}),
        ("Times", {"fields": ("not_before", "expires_at", "attempts", "claimed_at", "finished_at")}),
    )

    @admin.display(description="notification", ordering="notification__kind")
    def kind(self, push: Push) -> str:
        return push.notification.kind

    @admin.display(description="to", ordering="device__user__username")
    def owner_link(self, push: Push) -> str:
        return format.link_to(push.device.user, 16)

    @admin.display(description="platform", ordering="device__platform")
    def platform(self, push: Push) -> str:
        return push.device.get_platform_display()

    @admin.display(description="not before", ordering="not_before")
    def due(self, push: Push) -> str:
        return format.short_datetime(push.not_before)

    @admin.display(description="finished", ordering="finished_at")
    def ended(self, push: Push) -> str:
        return format.short_datetime(push.finished_at)

    @admin.display(description="error", ordering="error")
    def short_error(self, push: Push) -> str:
        return format.truncate(push.error, 34) or format.NOTHING


@admin.register(NotificationSettings)
class NotificationSettingsAdmin(ReadOnlyStateAdmin):
    list_display = ("owner_link", "switched_off", "time_zone", "quiet_hours", "digest_on")
    list_select_related = ("user",)
    list_filter = ("digest_on",)
    ordering = ("user__username",)
    search_fields = ("=user__id", "=user__username", "=user__email")
    search_help_text = "Id, username or email of the owner"
    fieldsets = (
        (None, {"fields": ("user", "switched_off", "time_zone", "quiet_hours")}),
        ("Daily email", {"fields": ("digest_on", "digest_until")}),
    )
    readonly_fields = ("switched_off", "quiet_hours")

    @admin.display(description="person", ordering="user__username")
    def owner_link(self, settings: NotificationSettings) -> str:
        return format.link_to(settings.user, 16)

    @admin.display(description="switched off")
    def switched_off(self, settings: NotificationSettings) -> str:
        return format.truncate(", ".join(settings.off), 200) or format.NOTHING

    @admin.display(description="quiet hours")
    def quiet_hours(self, settings: NotificationSettings) -> str:
        if settings.quiet_from is None or settings.quiet_until is None:
            return format.NOTHING
        return f"{settings.quiet_from:%H:%M} – {settings.quiet_until:%H:%M}"
