"""The part through services: two processes, each with its own provider, people and order of operations."""

import logging
import os
import traceback
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.queues import Queue
from typing import Any

PROCESSES, SELLERS, BUYERS = 2, 300, 200


def run_through_services(operations: int, seed: int, url: str, tell: Callable[[int], None]) -> dict[str, Any]:
    """Do the operations in two processes, and return what they did and what a provider and we disagree on."""
    os.environ["DATABASE_URL"] = url
    context = get_context("spawn")
    queue: Queue[Any] = context.Queue()
    shares = [operations // PROCESSES + (number < operations % PROCESSES) for number in range(PROCESSES)]
    processes = [
        context.Process(target=_run, args=(number, share, seed, queue)) for number, share in enumerate(shares)
    ]
    for process in processes:
        process.start()
    results: list[dict[str, Any]] = []
    while len(results) < PROCESSES:
        message = queue.get()
        if isinstance(message, int):
            tell(message)
        elif isinstance(message, str):
            for process in processes:
                process.kill()
            raise RuntimeError(message)
        else:
            results.append(message)
    for process in processes:
        process.join()
    return {
        "done": sum((result["done"] for result in results), start=type(results[0]["done"])()),
        "refused": sum((result["refused"] for result in results), start=type(results[0]["done"])()),
        "jobs": sum((result["jobs"] for result in results), start=type(results[0]["done"])()),
        "differences": [one for result in results for one in result["differences"]],
    }


def _run(number: int, operations: int, seed: int, queue: "Queue[Any]") -> None:
    try:
        queue.put(_trade(number, operations, seed, queue.put))
    except Exception:
        queue.put(traceback.format_exc())


def _trade(number: int, operations: int, seed: int, tell: Callable[[int], None]) -> dict[str, Any]:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
    import django  # noqa: PLC0415 - this process is new

    django.setup()
    logging.getLogger("payments").setLevel(logging.ERROR)  # each case is a line
    from django.conf import settings  # noqa: PLC0415

    from bench.ledger.comparison import differences  # noqa: PLC0415
    from bench.ledger.people import make_people  # noqa: PLC0415
    from bench.ledger.trader import Trader  # noqa: PLC0415
    from payments.providers import provider  # noqa: PLC0415

    settings.PAYMENT_PROVIDERS = {"memory": "bench.ledger.provider.BenchProvider"}
    settings.CARD_PROVIDER = "memory"
    memory: Any = provider("memory")
    memory.prefix = f"{number}_"
    sellers, buyers = make_people(number, SELLERS, BUYERS)
    trader = Trader(number, seed, sellers, buyers, memory)
    trader.run(operations, tell)
    return {
        "done": trader.done,
        "refused": trader.refused,
        "jobs": trader.jobs.done,
        "differences": differences(memory),
    }
