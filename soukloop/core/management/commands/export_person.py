"""Export what is stored about a person, who has asked for it."""

from pathlib import Path
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from soukloop.core.personal_data import export_person


class Command(BaseCommand):
    help = "Writes all that is stored about a person into a new JSON file, for that person alone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("person", help="username or id")
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, person: str, file: Path, **options: Any) -> None:
        try:
            named: dict[str, Any] = {"pk": UUID(person)}
        except ValueError:
            named = {"username__iexact": person.removeprefix("@")}
        user = get_user_model()._default_manager.filter(**named).first()
        if user is None:
            raise CommandError(f"There is no account {person}.")
        try:
            counts = export_person(user.pk, file)
        except FileExistsError as error:
            raise CommandError(f"{file} exists already.") from error
        rows = sum(counts.values())
        self.stdout.write(
            f"{file}: {rows} rows of {len([count for count in counts.values() if count])} lists."
        )
