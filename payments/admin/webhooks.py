"""The admin screen of what providers told us."""

import json
from typing import Any

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString

from payments.models import WebhookEvent
from soukloop.core.staff import format
from soukloop.core.staff.admin import ReadOnlyStateAdmin

# The services keep no secret of a message; these are left out should a provider add one.
_SECRET_WORDS = ("secret", "token", "password", "signature", "api_key", "fingerprint", "client_ip")


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnlyStateAdmin):
    """Messages of providers, as they came but for secrets."""

    list_display = ("number", "received", "provider", "kind", "object_id", "result", "short_error")
    list_display_links = ("number",)
    list_filter = ("result", "provider", "subject", "received_at")
    search_fields = ("=event_id", "=object_id", "=account", "kind")
    search_help_text = "The provider's id of the event, object or account, or part of its kind"
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("id", "provider", "event_id", "kind", "subject", "object_id", "account")}),
        ("Result", {"fields": ("result", "error", "received_at", "handled_at")}),
        ("Message", {"fields": ("message",)}),
    )
    readonly_fields = ("message",)

    @admin.display(description="number", ordering="id")
    def number(self, event: WebhookEvent) -> str:
        return str(event.pk)

    @admin.display(description="received", ordering="received_at")
    def received(self, event: WebhookEvent) -> str:
        return format.short_datetime(event.received_at)

    @admin.display(description="error")
    def short_error(self, event: WebhookEvent) -> str:
        return format.truncate(event.error, 40) or format.NOTHING

    @admin.display(description="body, without secrets")
    def message(self, event: WebhookEvent) -> SafeString:
        text = json.dumps(without_secrets(event.body), indent=2, ensure_ascii=False)
        return format_html('<pre class="staff-json">{}</pre>', text)


def without_secrets(body: Any) -> Any:
    """Return JSON in which values with a name like that of a secret are replaced."""
    if isinstance(body, dict):
        return {
            name: "(removed)"
            if any(word in name.lower() for word in _SECRET_WORDS)
            else without_secrets(value)
            for name, value in body.items()
        }
    if isinstance(body, list):
        return [without_secrets(each) for each in body]
    return body
