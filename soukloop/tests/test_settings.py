"""`.env.example` explains each variable that the settings read."""

import re
from itertools import pairwise
from pathlib import Path

from django.conf import settings

from soukloop.core.redis.rate_limits import declared_limits

ROOT = Path(settings.BASE_DIR)


def test_env_example_names_each_variable_that_the_settings_read() -> None:
    source = "".join(path.read_text() for path in (ROOT / "soukloop" / "settings").glob("*.py"))
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z0-9_]+)"', source)) - {"TEST_DATABASE_NAME"}
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
        used |= set(re.findall(r'rate_scope(?:: [^=]+)? ?= ?"(\w+)"', source))
        used |= set(re.findall(r'hit(?:_ip|_user|_request)?\(\s*"(\w+)"', source))
    known = {*settings.RATE_LIMITS, *declared_limits()}
    assert used <= known, used - known
    assert used
