"""The jobs of one process: run after their commit, late, twice, or again after a lost answer."""

import random
import sys
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from django.db import transaction
from procrastinate.contrib.django import app

from payments.providers.base import ProviderUnavailable
from soukloop.core.errors import Unavailable
from soukloop.core.jobs import queue as real

# Documents take longer than the money: one payment in fifty gets its own.
DOCUMENTS_SHARE = 0.02
LOST_ANSWERS = 0.01
CALLS = ("create_payment", "capture_payment", "cancel_payment", "create_refund", "create_payout")


class Jobs:
    """A queue in memory in the place of Procrastinate's tables; what fails for a while is run again."""

    def __init__(self, chance: random.Random) -> None:
        self.waiting: deque[tuple[str, dict[str, Any]]] = deque()
        self.late: deque[tuple[str, dict[str, Any]]] = deque()
        self.done: Counter[str] = Counter()
        self._chance = chance
        app.perform_import_paths()
        self._functions: dict[str, Callable[..., Any]] = {name: task.func for name, task in app.tasks.items()}

    def install(self) -> None:
        """Take the place of `enqueue` in every module that imported it."""
        for module in list(sys.modules.values()):
            if getattr(module, "enqueue", None) is real.enqueue and module is not real:
                module.enqueue = self.enqueue  # type: ignore[attr-defined]
            if getattr(module, "is_job_pending", None) is real.is_job_pending and module is not real:
                module.is_job_pending = lambda *, lock: False  # type: ignore[attr-defined]

    def enqueue(self, task: str, *, lock: Any = None, schedule_at: Any = None, **arguments: Any) -> None:
        if not task.startswith("payments."):
            return
        if task == "payments.issue_documents" and self._chance.random() > DOCUMENTS_SHARE:
            return
        transaction.on_commit(lambda: self._add(task, arguments))

    def _add(self, task: str, arguments: dict[str, Any]) -> None:
        chance = self._chance.random()
        if chance < 0.1:
            self.late.append((task, arguments))
        else:
            self.waiting.append((task, arguments))
        if chance > 0.95:  # a worker that died after the work and before it recorded that
            self.late.append((task, arguments))

    def run(self, provider: Any, *, late: int = 0) -> None:
        """Run what waits, and some of what is late."""
        for _ in range(min(late, len(self.late))):
            self.waiting.append(self.late.popleft())
        while self.waiting:
            task, arguments = self.waiting.popleft()
            if self._chance.random() < LOST_ANSWERS:
                provider.fail(
                    self._chance.choice(CALLS),
                    ProviderUnavailable("no answer"),
                    has_effect=self._chance.random() < 0.5,
                )
            try:
                self._functions[task](**arguments)
                self.done[task] += 1
            except Unavailable:
                self.late.append((task, arguments))
                self.done["answers lost"] += 1

    def drain(self, provider: Any) -> None:
        """Run everything to its end, with a provider that answers."""
        provider.memory.faults.clear()
        while self.waiting or self.late:
            self.run(provider, late=len(self.late))
            provider.memory.faults.clear()
