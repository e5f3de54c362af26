"""Background jobs about conversations."""

from uuid import UUID

from chat.services.closed_accounts import remove_name_from_notifications
from soukloop.core.jobs.retries import task


@task("chat.remove_name")
def remove_name(user_id: str) -> None:
    """Remove the name of a deleted account from other people's notifications."""
    remove_name_from_notifications(UUID(user_id))
