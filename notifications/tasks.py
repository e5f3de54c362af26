"""Background jobs that write notifications."""

from typing import Any
from uuid import UUID

from notifications import services
from soukloop.core.jobs.retries import task


@task("notifications.write_batch")
def write_batch(*, batch_id: str, user_ids: list[str], content: dict[str, Any]) -> None:
    """Write one batch of a notification to many people."""
    services.write_batch(
        batch_id=UUID(batch_id), user_ids=[UUID(user_id) for user_id in user_ids], content=content
    )
