"""Write the table of kinds in docs/notifications.md."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from notifications.documents import PAGE, with_kinds


class Command(BaseCommand):
    help = "Writes the kinds of notification into docs/notifications.md, from their registry."

    def handle(self, *args: Any, **options: Any) -> None:
        page = settings.BASE_DIR / PAGE
        page.write_text(with_kinds(page.read_text()))
        self.stdout.write(f"wrote {PAGE}")
