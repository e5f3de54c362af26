"""Background jobs that write notifications."""

from typing import Any
from uuid import UUID

from notifications.services import inbox, notify
from soukloop.core.jobs.retries import task


@task("notifications.write_batch")
def write_batch(*, batch_id: str, user_ids: list[str], content: dict[str, Any]) -> None:
    """Write one batch of a notification to many people."""
    notify.write_batch(
        batch_id=UUID(batch_id), user_ids=[UUID(user_id) for user_id in user_ids], content=content
    )


@task("notifications.remove_name", aliases=["chat.remove_name"])
def remove_name(user_id: str) -> None:
    """Remove the name of a deleted account from other people's notifications."""
    inbox.remove_name(user_id=UUID(user_id))
