from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "soukloop.core"
    label = "core"

    def ready(self) -> None:
        # They register system checks and an admin screen; both need the models.
        from soukloop.core import checks  # noqa: F401, PLC0415
        from soukloop.core.jobs import admin  # noqa: F401, PLC0415
