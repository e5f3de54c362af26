"""Show the background tasks, and what has become of their jobs."""

from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from soukloop.core import jsonlib
from soukloop.core.jobs.listing import QueueState, TaskState, markdown_table, queue_state

_HEADINGS = ("task", "runs", "waiting", "oldest", "running", "failed", "last run", "took", "result", "for")
_NUMBERS = range(2, 6)


class Command(BaseCommand):
    help = "Shows the queue, and of each background task its jobs, its last run and what it is for."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="for programs: seconds, and times in UTC")
        parser.add_argument(
            "--table", action="store_true", help="the periodic tasks, as docs/operations.md has them"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["table"]:
            self.stdout.write(markdown_table())
        elif options["json"]:
            self.stdout.write(jsonlib.dumps(asdict(queue_state())).decode())
        else:
            self.stdout.write(_as_text(queue_state()))


def _as_text(state: QueueState) -> str:
    rows = [_HEADINGS, *(_row(task) for task in state.tasks)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = [
        "  ".join(
            text.rjust(width) if column in _NUMBERS else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    waits = f", the oldest for {_duration(state.oldest_waiting_seconds)}" if state.waiting else ""
    total = f"{state.waiting} jobs wait{waits}; {state.running} run; {state.failed} have failed."
    return "\n".join([total, "", *lines])


def _row(task: TaskState) -> tuple[str, ...]:
    ended = task.last_ended_at
    return (
        task.name,
        task.schedule,
        str(task.waiting + task.scheduled or ""),
        _duration(task.oldest_waiting_seconds) if task.waiting else "",
        str(task.running or ""),
        str(task.failed or ""),
        f"{_duration((timezone.now() - ended).total_seconds())} ago" if ended else "never",
        "" if task.last_took_seconds is None else f"{task.last_took_seconds:.2f} s",
        task.last_result,
        task.purpose,
    )


def _duration(seconds: float) -> str:
    """Write a duration in one unit: 4 s, 12 min, 3 h, 2 d."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(max(0.0, seconds))} s"
