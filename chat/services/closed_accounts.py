"""What happens to conversations when one of their two people deletes the account."""

from uuid import UUID

from accounts.models import User
from chat.models import Conversation
from notifications.services import remove_name
from soukloop.core.jobs.queue import enqueue


def enqueue_removing_name(user: User) -> None:
    """Enqueue a job that removes the name of a deleted account from other people's notifications."""
    enqueue("chat.remove_name", user_id=str(user.pk))


def remove_name_from_notifications(user_id: UUID) -> int:
    """Remove the name of a deleted account from notifications of messages and offers; return how many.

    Does nothing for a banned account. Each conversation is a transaction of its own.
    """
    user = User.objects.filter(pk=user_id, deleted_at__isnull=False).first()
    if user is None:
        return 0
    return sum(
        remove_name(
            name=user.full_name,
            user_ids=[conversation.other_id(user_id)],
            about={"conversation_id": str(conversation.pk)},
            kinds_titled_by_name=["message_new"],
        )
        for conversation in Conversation.objects.of(user_id)
    )
