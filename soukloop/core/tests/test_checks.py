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
}


@pytest.mark.parametrize("key", ["", "short", "a" * 60, "django-insecure-" + STRONG])
def test_a_missing_or_weak_secret_key_is_refused(settings: Any, key: str) -> None:
    settings.DEBUG, settings.SECRET_KEY, settings.ALLOWED_HOSTS = False, key, ["x.example"]
    assert [problem.id for problem in production_settings(None)] == ["soukloop.E001"]


@pytest.mark.parametrize("hosts", [[], ["*"], ["*.example"], ["x.example", "*"]])
def test_wildcard_hosts_are_refused(settings: Any, hosts: list[str]) -> None:
    settings.DEBUG, settings.SECRET_KEY, settings.ALLOWED_HOSTS = False, STRONG, hosts
    assert [problem.id for problem in production_settings(None)] == ["soukloop.E002"]


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
