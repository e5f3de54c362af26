from django.utils.module_loading import autodiscover_modules

from soukloop.core.domain import DomainApp


class NotificationsConfig(DomainApp):
    name = "notifications"
    api_tags = {
        "Notifications": "The notifications in your inbox.",
    }

    def ready(self) -> None:
        super().ready()
        autodiscover_modules("notification_kinds")
