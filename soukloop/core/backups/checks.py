"""Checks at the end of a restore, which apps register."""

from collections.abc import Callable

from django.core.management import call_command
from django.core.management.base import CommandError

from soukloop.core.hooks import Hook

restore_checks: Hook[[], list[str]] = Hook()
"""`callback()`: check restored rows, and return what is wrong; an empty list where nothing is.

An app registers in its module `receivers`, as `restore_checks.register(command_check("ledger", "check"))`.
"""


def command_check(*argv: str) -> Callable[[], list[str]]:
    """Return a check that runs a management command, which fails by CommandError or its exit code."""

    def check() -> list[str]:
        try:
            call_command(*argv)
        except CommandError as error:
            return [f"manage.py {' '.join(argv)} failed: {error}"]
        except SystemExit as ended:
            return [f"manage.py {' '.join(argv)} ended with {ended.code}"] if ended.code else []
        return []

    return check
