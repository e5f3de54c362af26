"""System checks that refuse an unsafe production start."""

from typing import Any

from django.conf import settings
from django.core.checks import Critical, register
from django.core.exceptions import ImproperlyConfigured

_EXAMPLES = ("change", "insecure", "example", "secret", "password")


@register()
def production_settings(app_configs: Any = None, **kwargs: Any) -> list[Critical]:
    """Check the secret key and the hosts, unless DEBUG is on."""
    if settings.DEBUG:
        return []
    problems = []
    try:
        key = settings.SECRET_KEY
    except ImproperlyConfigured:  # Django raises this for an empty key
        key = ""
    if len(key) < 50 or len(set(key)) < 10 or any(word in key.lower() for word in _EXAMPLES):
        problems.append(
            Critical(
                "SECRET_KEY is missing or weak.",
                hint="Use at least 50 random characters: openssl rand -base64 48",
                id="soukloop.E001",
            )
        )
    if not settings.ALLOWED_HOSTS or any("*" in host for host in settings.ALLOWED_HOSTS):
        problems.append(
            Critical(
                "ALLOWED_HOSTS is empty or has a wildcard.",
                hint="List each host name in full.",
                id="soukloop.E002",
            )
        )
    return problems


def refuse_unsafe_start() -> None:
    """Raise ImproperlyConfigured with each problem: an ASGI server runs no system checks by itself."""
    problems = production_settings()
    if problems:
        raise ImproperlyConfigured(" ".join(f"{problem.msg} ({problem.hint})" for problem in problems))
