"""Background jobs on messages: deleting the files of pictures."""

from uuid import UUID

from chat.services import changes
from soukloop.core.jobs.retries import task


@task("chat.delete_picture")
def delete_picture(sender_id: str, name: str) -> None:
    """Delete the picture of a message that its sender deleted, unless it is used elsewhere."""
    changes.delete_picture(sender_id=UUID(sender_id), name=name)
