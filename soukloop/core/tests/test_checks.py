"""An unsafe production configuration does not start."""

import os
import subprocess
import sys
from typing import Any

import pytest

from soukloop.core.checks import production_settings

STRONG = "vK3xT9qLm2Wc8ZrY5bNd7HsJ4gFp6QaEuX1oRiBtVyCzDkMwSnPl0"
SAFE = {
    "DEBUG": "false",
    "SECRET_KEY": STRONG,
    "ALLOWED_HOSTS": "api.soukloop.example",
    "BASE_URL": "https://api.soukloop.example",
    "MEDIA_SECRET": STRONG,
    "TRUSTED_PROXIES": "1",
    "CARD_PROVIDER": "stripe",
}


@pytest.fixture(autouse=True)
def strong_secrets(settings: Any) -> None:
    settings.MEDIA_SECRET = STRONG


@pytest.mark.parametrize("key", ["", "short", "a" * 60, "django-insecure-" + STRONG])
def test_a_missing_or_weak_secret_key_is_refused(settings: Any, key: str) -> None:
    settings.DEBUG, settings.SECRET_KEY, settings.ALLOWED_HOSTS = False, key, ["x.example"]
    assert [problem.id for problem in production_settings(None)] == ["soukloop.E001"]


@pytest.mark.parametrize("hosts", [[], ["*"], ["*.example"], ["x.example", "*"]])
def test_wildcard_hosts_are_refused(settings: Any, hosts: list[str]) -> None:
    settings.DEBUG, settings.SECRET_KEY, settings.ALLOWED_HOSTS = False, STRONG, hosts
    assert [problem.id for problem in production_settings(None)] == ["soukloop.E002"]


@pytest.mark.parametrize("value", ["", "short", "insecure-for-local-work-only-" + STRONG])
def test_a_missing_or_example_media_secret_is_refused(settings: Any, value: str) -> None:
    settings.DEBUG, settings.SECRET_KEY, settings.ALLOWED_HOSTS = False, STRONG, ["x.example"]
    settings.MEDIA_SECRET = value
    [problem] = production_settings(None)
    assert (problem.id, problem.msg.split()[0]) == ("soukloop.E004", "MEDIA_SECRET")


@pytest.mark.parametrize(("provider", "is_refused"), [("sandbox", True), ("stripe", False)])
def test_the_sandbox_of_payments_is_refused_unless_it_is_allowed(
    settings: Any, provider: str, is_refused: bool
) -> None:
    settings.DEBUG, settings.SECRET_KEY, settings.ALLOWED_HOSTS = False, STRONG, ["x.example"]
    settings.CARD_PROVIDER, settings.SANDBOX_PAYMENTS_ALLOWED = provider, True
    assert production_settings(None) == []
    settings.SANDBOX_PAYMENTS_ALLOWED = False
    assert [problem.id for problem in production_settings(None)] == (["soukloop.E006"] if is_refused else [])


@pytest.mark.parametrize("name", ["SMS_HTTP_TOKEN", "EMAIL_URL", "S3_SECRET_KEY", "POSTGRES_PASSWORD"])
def test_other_secrets_from_an_example_are_refused(settings: Any, name: str) -> None:
    settings.DEBUG, settings.SECRET_KEY, settings.ALLOWED_HOSTS = False, STRONG, ["x.example"]
    database = {**settings.DATABASES["default"], "HOST": "postgres", "PASSWORD": STRONG}
    settings.DATABASES = {"default": database}
    assert production_settings(None) == []
    if name == "EMAIL_URL":
        settings.EMAIL_HOST_PASSWORD = "password"
    elif name == "S3_SECRET_KEY":
        settings.STORAGES = {**settings.STORAGES, "default": {"OPTIONS": {"secret_key": "change-me"}}}
    elif name == "POSTGRES_PASSWORD":
        settings.DATABASES = {"default": {**database, "PASSWORD": "soukloop"}}
    else:
        settings.SMS_HTTP_TOKEN = "example-token"
    [problem] = production_settings(None)
    assert (problem.id, problem.msg.split()[0]) == ("soukloop.E004", name)


@pytest.mark.parametrize(
    ("address", "is_refused"),
    [
        ("", False),
        ("127.0.0.1", False),
        ("::1", False),
        ("192.168.1.4", True),
        ("::", True),
    ],
)
def test_debug_is_refused_where_the_ports_are_published_to_others(
    settings: Any, address: str, is_refused: bool
) -> None:
    settings.DEBUG, settings.PUBLISH_ADDRESS = True, address
    assert [problem.id for problem in production_settings(None)] == ["soukloop.E003"] * is_refused
    settings.DEBUG, settings.SECRET_KEY, settings.ALLOWED_HOSTS = False, STRONG, ["x.example"]
    assert production_settings(None) == []


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        env={**os.environ, **SAFE, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_deployment_checks_are_clean_with_production_settings() -> None:
    result = manage("check", "--deploy", "--fail-level", "WARNING")
    assert result.returncode == 0, result.stderr
    assert "no issues" in result.stdout


def test_the_server_does_not_start_with_a_weak_key() -> None:
    starts = [sys.executable, "-c", "import soukloop.asgi"]
    environment = {**os.environ, **SAFE, "SECRET_KEY": "weak-but-set-and-far-too-short"}
    result = subprocess.run(starts, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode != 0
    assert "SECRET_KEY is missing or weak" in result.stderr
