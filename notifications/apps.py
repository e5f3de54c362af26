from soukloop.core.domain import DomainApp


class NotificationsConfig(DomainApp):
    name = "notifications"
    api_tags = {
        "Notifications": "The notifications in your inbox.",
    }
