"""Run background jobs until the process is told to end."""

import asyncio
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from soukloop.core import observing
from soukloop.core.jobs.worker import run_worker


class Command(BaseCommand):
    help = "Run background jobs. The worker goes on after PostgreSQL was unavailable."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--concurrency", type=int, default=4, help="jobs that run at the same time")
        parser.add_argument(
            "--shutdown-graceful-timeout",
            type=float,
            default=10,
            help="seconds that running jobs are given to finish when the worker is told to end",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        observing.start("worker")
        asyncio.run(
            run_worker(
                concurrency=options["concurrency"], shutdown_timeout=options["shutdown_graceful_timeout"]
            )
        )
