"""Send push notifications until the process is told to end."""

import asyncio
from typing import Any

from django.core.management.base import BaseCommand

from notifications.push.sender import run_sender
from soukloop.core import observing


class Command(BaseCommand):
    help = "Send push notifications to apps and browsers. Several may run: they share the work."

    def handle(self, *args: Any, **options: Any) -> None:
        observing.start("pusher")
        asyncio.run(run_sender())
