from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "soukloop.core"
    label = "core"

    def ready(self) -> None:
        # They register system checks, an admin screen and metrics; most need the models.
        from soukloop.core import checks  # noqa: F401, PLC0415
        from soukloop.core.jobs import admin, metrics  # noqa: F401, PLC0415
