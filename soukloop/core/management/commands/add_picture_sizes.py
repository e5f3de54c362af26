"""`manage.py add_picture_sizes`: smaller sizes for the pictures that earlier versions stored."""

from typing import Any

from django.core.management.base import BaseCommand

from soukloop.core.images.earlier import earlier_pictures


class Command(BaseCommand):
    help = "Store pictures of earlier versions again, with smaller sizes. Goes on where it was interrupted."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{sum(earlier_pictures())} rows have new pictures")
