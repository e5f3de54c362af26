from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "soukloop.core"
    label = "core"

    def ready(self) -> None:
        from soukloop.core import checks  # noqa: F401, PLC0415 - registers the system checks
