"""Package live broadcasts until the process is told to end."""

import asyncio
from typing import Any

from django.core.management.base import BaseCommand

from livestream.packager import run_packager
from soukloop.core import observing


class Command(BaseCommand):
    help = "Package live broadcasts for players. It runs on the media server's machine, once."

    def handle(self, *args: Any, **options: Any) -> None:
        observing.start("packager")
        asyncio.run(run_packager())
