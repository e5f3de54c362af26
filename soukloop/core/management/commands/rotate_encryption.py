"""Encrypt what is kept encrypted with the present SECRET_KEY."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from soukloop.core.encryption import rotate_declared_fields


class Command(BaseCommand):
    help = "Encrypts every declared field again with SECRET_KEY, beside everything that runs."

    def handle(self, *args: Any, **options: Any) -> None:
        lost = []
        for field, changed, unreadable in rotate_declared_fields():
            self.stdout.write(f"{field}: {changed} rows encrypted again, {len(unreadable)} can't be read")
            lost += [f"{field} of {pk}" for pk in unreadable]
        if lost:
            raise CommandError(
                "No key in SECRET_KEY and SECRET_KEY_FALLBACKS reads these; add theirs, or have them entered"
                " again:\n" + "\n".join(lost[:100])
            )
        self.stdout.write("Nothing needs a key of SECRET_KEY_FALLBACKS any more in these fields.")
