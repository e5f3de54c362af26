"""System checks that refuse an unsafe production start."""

import ipaddress
from typing import Any

from django.conf import settings
from django.core.checks import Critical, register
from django.core.exceptions import ImproperlyConfigured

_EXAMPLES = ("change", "insecure", "example", "secret", "password", "soukloop")


@register()
def production_settings(app_configs: Any = None, **kwargs: Any) -> list[Critical]:
    """Check secrets and hosts, or while DEBUG is on, that no other machine can connect."""
    if settings.DEBUG:
        return _debug_problems()
    problems = []
    try:
        key = settings.SECRET_KEY
    except ImproperlyConfigured:  # Django raises this for an empty key
        key = ""
    if _is_weak(key, 50):
        problems.append(
            Critical(
                "SECRET_KEY is missing or weak.",
                hint="Use at least 50 random characters: openssl rand -base64 48",
                id="soukloop.E001",
            )
        )
    problems += _weak_secrets()
    if any(_is_everybody(network) for network in settings.METRICS_ADDRESSES):
        problems.append(
            Critical(
                "METRICS_ADDRESSES names no network, or one that has everybody in it.",
                hint="List the addresses of Prometheus, or set METRICS_TOKEN instead.",
                id="soukloop.E005",
            )
        )
    if settings.CARD_PROVIDER == "sandbox" and not settings.SANDBOX_PAYMENTS_ALLOWED:
        problems.append(
            Critical(
                "CARD_PROVIDER is the sandbox, where test cards pay and no money moves.",
                hint="Set CARD_PROVIDER=stripe and its keys, or, for tests, SANDBOX_PAYMENTS_ALLOWED=true.",
                id="soukloop.E006",
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


def _debug_problems() -> list[Critical]:
    address = settings.PUBLISH_ADDRESS
    if _is_loopback(address):
        return []
    return [
        Critical(
            f"PUBLISH_ADDRESS={address} lets other machines connect while DEBUG is on.",
            hint="Set DEBUG=false and the settings of production, or remove PUBLISH_ADDRESS.",
            id="soukloop.E003",
        )
    ]


def _weak_secrets() -> list[Critical]:
    """Check the secret that the media server shares, and others for values of an example."""
    database = settings.DATABASES["default"]
    storage = settings.STORAGES["default"]
    refused = {
        "MEDIA_SECRET": _is_weak(settings.MEDIA_SECRET, 32),
        # A server on this machine, which no other can reach, may keep the example's password.
        "POSTGRES_PASSWORD (in DATABASE_URL)": not _is_loopback(database.get("HOST", ""))
        and _is_example(database.get("PASSWORD", "")),
        "S3_SECRET_KEY": _is_example(storage.get("OPTIONS", {}).get("secret_key") or ""),
        "SMS_HTTP_TOKEN": _is_example(settings.SMS_HTTP_TOKEN),
        "METRICS_TOKEN": bool(settings.METRICS_TOKEN) and _is_weak(settings.METRICS_TOKEN, 32),
        "EMAIL_URL": _is_example(settings.EMAIL_HOST_PASSWORD or ""),
    }
    return [
        Critical(
            f"{name} is missing or weak, or the value of an example.",
            hint="Use a random value: openssl rand -hex 32",
            id="soukloop.E004",
        )
        for name, is_refused in refused.items()
        if is_refused
    ]


def _is_example(value: str) -> bool:
    return any(word in value.lower() for word in _EXAMPLES)


def _is_weak(value: str, length: int) -> bool:
    return len(value) < length or len(set(value)) < 10 or _is_example(value)


def _is_everybody(network: str) -> bool:
    try:
        return ipaddress.ip_network(network, strict=False).prefixlen == 0
    except ValueError:
        return True


def _is_loopback(host: str) -> bool:
    try:
        return host in ("", "localhost") or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refuse_unsafe_start() -> None:
    """Raise ImproperlyConfigured with each problem: an ASGI server runs no system checks by itself."""
    problems = production_settings()
    if problems:
        raise ImproperlyConfigured(" ".join(f"{problem.msg} ({problem.hint})" for problem in problems))
