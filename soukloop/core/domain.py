"""The base of domain apps' configs, and functions that collect what the apps declare."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any, ClassVar

from django.apps import AppConfig, apps
from django.urls import include, path


class DomainApp(AppConfig):
    """The base of each domain app's config; its attributes declare the app's rate limits and API tags.

    Modules of the app that are found by name, all optional: `urls` (under `/api/v1/`), `internal_urls`
    (under `/internal/`), `page_urls` (HTML pages), `events`, `commands`, `rooms`, `routing` (sockets),
    `tasks` (background jobs), `error_codes`, `notification_kinds`, `demo` (demo data), `fast_reads` (GETs
    answered beside Django), `metrics`, `personal_data` (what the export of a person's data has), `receivers`
    (callbacks that the app registers with hooks of lower apps).
    """

    default = False  # so that Django never picks this base class as an app's config

    rate_limits: ClassVar[Mapping[str, tuple[int, int]]] = {}
    """Scope → (uses, seconds); `settings.RATE_LIMITS` overrides a scope."""

    rate_limits_of_attempts: ClassVar[frozenset[str]] = frozenset()
    """The scopes among them that also count refused attempts; other scopes count only what was done."""

    api_tags: ClassVar[Mapping[str, str]] = {}
    """Tag → description, in the order in which the API's pages show them."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.default = True

    def ready(self) -> None:
        import_submodule(self, "metrics")
        import_submodule(self, "receivers")


def domain_apps() -> Iterator[DomainApp]:
    """Return the installed domain apps in the order of INSTALLED_APPS, lower apps first."""
    return (config for config in apps.get_app_configs() if isinstance(config, DomainApp))


def import_submodule(config: AppConfig, name: str) -> Any:
    """Import a module of an app and return it, or None where the app has no such module."""
    dotted = f"{config.name}.{name}"
    return import_module(dotted) if find_spec(dotted) else None


def collect_urls(module: str) -> list[Any]:
    """Return a URL pattern for each domain app that has a module of this name."""
    return [
        path("", include(f"{config.name}.{module}"))
        for config in domain_apps()
        if find_spec(f"{config.name}.{module}")
    ]
