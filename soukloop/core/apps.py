from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "soukloop.core"
    label = "core"

    def ready(self) -> None:
        from soukloop.core import (  # noqa: PLC0415 - they register system checks and a screen
            checks,  # noqa: F401
            jobs_admin,  # noqa: F401
        )
