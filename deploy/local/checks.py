"""`make test`, `make check` and `make bench`: tools that run to their end against servers of their own."""

import os
import secrets
import signal
import subprocess
from collections.abc import Mapping
from typing import NamedTuple

from deploy.local import environment, ownership, processes, setup, stores
from deploy.local.console import heading, paint, say
from deploy.local.interruptions import Ended, interruptions
from deploy.local.places import ROOT, VENV, Instance


class Check(NamedTuple):
    """A tool that is silent or happy, or the checkout is not fit to be tested."""

    name: str
    argv: list[str]
    production: bool = False


CHECKS = (
    Check("ruff check", ["ruff", "check", "."]),
    Check("ruff format", ["ruff", "format", "--check", "."]),
    Check("mypy", ["mypy", "."]),
    Check("import contracts", ["lint-imports"]),
    Check("missing migrations", ["python", "manage.py", "makemigrations", "--check", "--dry-run"]),
    Check(
        "deployment", ["python", "manage.py", "check", "--deploy", "--fail-level", "WARNING"], production=True
    ),
)


def test(argv: list[str]) -> int:
    """Run all checks, then pytest, whose closing line is the last thing said."""
    setup.ensure("Souk Loop · test", ["test", *argv], named={}, development=True, scripts="tests")
    instance = Instance("test")
    with ownership.owned(instance):
        env = _environment(instance)
        if not _run_checks(instance, env):
            return 1
        heading("pytest")
        return _foreground(instance, "pytest", ["pytest", *argv], env)


def check(argv: list[str]) -> int:
    """Run the checks alone."""
    setup.ensure("Souk Loop · check", ["check", *argv], named={}, development=True)
    instance = Instance("check")
    with ownership.owned(instance):
        passed = _run_checks(instance, _environment(instance))
    if passed:
        say(f"\n{paint('✓', '32')} All checks passed.")
    return 0 if passed else 1


def bench(argv: list[str]) -> int:
    """Run the benchmarks."""
    setup.ensure("Souk Loop · bench", ["bench", *argv], named={}, development=True, scripts="bench")
    instance = Instance("bench")
    with ownership.owned(instance):
        env = _environment(instance)
        heading("bench")
        return _foreground(instance, "bench", ["python", "-m", "bench", *argv], env)


def docs(argv: list[str]) -> int:
    """Build the documentation's site; a link that leads nowhere fails it."""
    setup.ensure("Souk Loop · docs", ["docs"], named={}, development=True)
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run([VENV / "bin" / "mkdocs", "build", "--quiet"], cwd=ROOT, env=env, check=False)
    if built.returncode == 0:
        say("\nThe site is in .local/site; open .local/site/index.html.")
    return built.returncode


def _environment(instance: Instance) -> dict[str, str]:
    # What a shell has set is for `make run`; tests must not find, and then empty, somebody's database.
    urls, _ = stores.start(instance, {})
    values = environment.of_private(instance, urls)
    environment.write(instance.env_file, values)
    return environment.of_process(values)


def _run_checks(instance: Instance, env: Mapping[str, str]) -> bool:
    failed = []
    for tool in CHECKS:
        heading(tool.name)
        if _foreground(instance, "check", tool.argv, production(env) if tool.production else env):
            failed.append(tool.name)
    if failed:
        say(f"\n{paint('✗', '31')} Not passed: {', '.join(failed)}.")
    return not failed


def production(env: Mapping[str, str]) -> dict[str, str]:
    """The environment as a careful operator would set it."""
    return {
        **env,
        "DEBUG": "false",
        "SECRET_KEY": secrets.token_urlsafe(64),
        "MEDIA_SECRET": secrets.token_urlsafe(32),
        "ALLOWED_HOSTS": "api.soukloop.example",
        "BASE_URL": "https://api.soukloop.example",
        "MEDIA_URL": "https://video.soukloop.example/",
        "RTMP_URL": "rtmp://live.soukloop.example/live",
        "TRUSTED_ORIGINS": "https://soukloop.example",
        "TRUSTED_PROXIES": "1",
        "EMAIL_URL": "smtp+tls://mailer:secret@mail.soukloop.example:587",
    }


def _foreground(instance: Instance, name: str, argv: list[str], env: Mapping[str, str]) -> int:
    """Run a tool on the terminal; when we are told to end, it ends first and tidies up."""
    program = VENV / "bin" / argv[0]
    with interruptions.held():
        process = subprocess.Popen([program, *argv[1:]], cwd=ROOT, env=dict(env))
        processes.record(instance, name, process.pid, stop_signal=signal.SIGINT, grace=30)
    try:
        return process.wait()
    except Ended:
        _end_tool(process)
        raise
    finally:
        (instance.records / f"{name}.json").unlink(missing_ok=True)


def _end_tool(process: subprocess.Popen[bytes]) -> None:
    """Wait for a tool that Ctrl-C reached too, or pass on the signal that it did not see."""
    with interruptions.held():
        if interruptions.received != signal.SIGINT:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
