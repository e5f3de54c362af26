"""Fill a development database with the demo data that each app declares."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from soukloop.core.domain import domain_apps, import_submodule


class Command(BaseCommand):
    help = "Adds the demo data that is missing and prints the demo logins."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        for app in domain_apps():
            demo = import_submodule(app, "demo")
            for line in demo.seed() if demo else ():
                self.stdout.write(line)
