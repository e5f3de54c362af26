"""What this app does when lower apps call their hooks."""

from soukloop.core.backups.checks import command_check, restore_checks

restore_checks.register(command_check("ledger", "check"))
