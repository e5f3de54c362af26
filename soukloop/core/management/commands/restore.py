"""Restore a backup into an empty database."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from soukloop.core.backups.manifest import BackupError
from soukloop.core.backups.restoring import restore_backup


class Command(BaseCommand):
    help = "Checks a backup, restores it, applies later migrations, and checks what was restored."
    requires_system_checks = []  # they may ask the database, which is empty

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument(
            "--replace", action="store_true", help="drop what is in the database, overwrite files"
        )

    def handle(self, *args: Any, folder: Path, replace: bool, **options: Any) -> None:
        try:
            problems = restore_backup(folder.absolute(), replace=replace, report=self.stdout.write)
        except BackupError as error:
            raise CommandError(str(error)) from error
        if problems:
            raise CommandError("The backup is restored, and these checks failed:\n" + "\n".join(problems))
        self.stdout.write("Restored; all checks passed.")
