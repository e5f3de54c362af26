"""Write a backup of the database and the media files into a new folder."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from soukloop.core.backups.making import make_backup
from soukloop.core.backups.manifest import BackupError


class Command(BaseCommand):
    help = "Writes the database and the media files into a new folder, while everything runs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        try:
            manifest = make_backup(folder.absolute(), report=self.stdout.write)
        except BackupError as error:
            raise CommandError(str(error)) from error
        size = sum(size for size, _ in manifest.files.values())
        rows = sum(manifest.rows.values())
        self.stdout.write(f"{folder}: {rows} rows, {len(manifest.files)} files, {size / 1e6:.1f} MB.")
