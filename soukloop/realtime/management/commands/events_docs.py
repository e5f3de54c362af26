"""Write docs/events.md."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from soukloop.realtime.documents import events_page


class Command(BaseCommand):
    help = "Writes docs/events.md from the registries of commands and events."

    def handle(self, *args: Any, **options: Any) -> None:
        page = settings.BASE_DIR / "docs" / "events.md"
        page.write_text(events_page())
        self.stdout.write(f"wrote {page.relative_to(settings.BASE_DIR)}")
