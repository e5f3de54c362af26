"""A worker process with one task that never ends, for `test_jobs`."""

import asyncio
from typing import Any

import django
from procrastinate.contrib.django import app


async def slow_job(number: int) -> None:
    await asyncio.sleep(600)


async def main() -> None:
    connector: Any = app.connector  # Django's; it knows the one for workers
    with app.replace_connector(connector.get_worker_connector()) as worker_app:
        async with worker_app.open_async():
            await worker_app.run_worker_async(install_signal_handlers=False)


if __name__ == "__main__":
    django.setup()
    app.task(name="soukloop.core.tests.slow_job")(slow_job)
    asyncio.run(main())
