"""The commands that end by themselves: the checks, the tests, the benchmarks, the documentation."""

import shlex
import time
from collections.abc import Mapping

import yaml

from deploy.local import environment
from deploy.local.console import run_beside_each_other, run_in_foreground, say
from deploy.local.instance import ROOT, Instance
from deploy.local.stores import Stores
from deploy.local.supervise import Supervisor, owned

# The checks are written down once, for us and for commit hooks.
HOOKS = ROOT / ".pre-commit-config.yaml"
# One more than the two cores: some tests mostly wait (soukloop/tests/distribution.py).
PYTEST = ["pytest", "-n", "3"]
TESTS = {
    "quick": [*PYTEST, "-m", "quick"],
    "test": PYTEST,
    "test-full": [*PYTEST, "--hypothesis-profile=full", "-m", "full or not full"],
}


def main(name: str, argv: list[str]) -> int:
    """Run one of them; the arguments go to its tool."""
    if name == "docs":
        return _check(environment.of_process({}), only=name)
    instance = Instance("test" if name in TESTS else name)
    with owned(instance):
        # What a shell has set is for `make run`; tests must not find, and then empty, somebody's database.
        stores = Stores(instance, {})
        values = environment.of_private(instance, stores.urls)
        env = environment.write(instance.env_file, values)
        with Supervisor(instance, env | stores.prepare()) as supervisor:
            stores.wait(supervisor)
            if name == "bench":
                return run_in_foreground("bench", ["python", "-m", "bench", *argv], env)
            if (failures := _check(env)) or name == "check":
                return failures
            return run_in_foreground("pytest", [*TESTS[name], *argv], env)


def _check(env: Mapping[str, str], *, only: str = "") -> int:
    """Run the linters and all else that needs no test, or one of them; returns how many did not pass."""
    began = time.monotonic()
    hooks = [hook for repo in yaml.safe_load(HOOKS.read_text())["repos"] for hook in repo["hooks"]]
    entries = {hook["name"]: shlex.split(hook["entry"]) for hook in hooks if only in ("", hook["name"])}
    failed = run_beside_each_other(entries, env)
    took = f"{time.monotonic() - began:.0f} s"
    say(f"\n✗ Not passed: {', '.join(failed)}." if failed else f"\n✓ All checks passed in {took}.")
    return len(failed)
