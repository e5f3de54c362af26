"""`.env.example` explains each variable that the settings read."""

import re
from itertools import pairwise
from pathlib import Path

from django.conf import settings

from soukloop.core.redis.rate_limits import declared_limits
from soukloop.realtime.commands import COMMANDS
from soukloop.tests.routes import api_routes

ROOT = Path(settings.BASE_DIR)


def test_env_example_names_each_variable_that_the_settings_read() -> None:
    source = "".join(path.read_text() for path in (ROOT / "soukloop" / "settings").glob("*.py"))
    read = set(re.findall(r'(?:env\.\w+|secret)\(\s*"([A-Z0-9_]+)"', source)) - {"TEST_DATABASE_NAME"}
    explained = set(re.findall(r"^([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.M))
    assert explained == read


def test_each_variable_in_env_example_has_a_comment() -> None:
    """Check that a comment, or another variable, is directly above each variable."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    for above, line in pairwise(lines):
        if re.match(r"[A-Z0-9_]+=", line):
            assert above.startswith("#") or "=" in above, line


def test_each_rate_limit_scope_in_use_is_set() -> None:
    used: set[str] = set()
    apps = [app for app in settings.INSTALLED_APPS if (ROOT / app.replace(".", "/")).is_dir()]
    for path in (path for app in apps for path in (ROOT / app.replace(".", "/")).rglob("*.py")):
        if "tests" in path.relative_to(ROOT).parts:
            continue
        source = path.read_text()
        used |= set(re.findall(r'counted_action\(\s*"(\w+)"', source))
    used |= {command.rate_scope for command in COMMANDS.values() if command.rate_scope}
    for route in api_routes():
        on_class = getattr(getattr(route.view, "cls", None), "rate_scope", None)
        scope = getattr(route.view, "initkwargs", {}).get("rate_scope", on_class)
        used |= set(scope.values() if isinstance(scope, dict) else [scope] if scope else [])
    unknown = used - {*settings.RATE_LIMITS, *declared_limits()}
    assert not unknown, f"declare {unknown} in `rate_limits` of the app's config"
    assert used >= {"login_ip", "stream_chat", "product_write", "upload"}
