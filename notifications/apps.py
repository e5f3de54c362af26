from django.utils.module_loading import autodiscover_modules

from soukloop.core.domain import DomainApp


class NotificationsConfig(DomainApp):
    name = "notifications"
    rate_limits = {"device_register": (60, 600)}  # uses, seconds
    api_tags = {
        "Notifications": "What you are told: your inbox, the devices that pushes go to, and your settings.",
    }

    def ready(self) -> None:
        super().ready()
        autodiscover_modules("notification_kinds")
