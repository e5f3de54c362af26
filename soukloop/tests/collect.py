"""Collects the modules in which each app declares data for the tests of all apps."""

from importlib import import_module
from pathlib import Path
from types import ModuleType

from django.apps import apps


def modules_of_apps(name: str) -> list[ModuleType]:
    """Import `tests/<name>.py` of each installed app that has one."""
    return [
        import_module(f"{app.name}.tests.{name}")
        for app in apps.get_app_configs()
        if (Path(app.path) / "tests" / f"{name}.py").exists()
    ]
