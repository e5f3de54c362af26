from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class RealtimeConfig(AppConfig):
    name = "soukloop.realtime"
    label = "realtime"

    def ready(self) -> None:
        autodiscover_modules("rooms", "events", "commands")
        # Each declares something.
        from soukloop.realtime import builtin_commands, builtin_events, metrics  # noqa: F401, PLC0415
