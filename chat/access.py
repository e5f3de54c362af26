"""The only door to a conversation."""

from uuid import UUID

from accounts.models import User
from chat.models import Conversation
from soukloop.core.errors import NotFound


def conversation_of(user: User, conversation_id: UUID, lock: bool = False) -> Conversation:
    """Return a conversation that the user takes part in; raises NotFound, also for other people's."""
    conversations = Conversation.objects.of(user.pk)
    if lock:
        conversations = conversations.select_for_update(of=("self",))
    conversation = conversations.filter(pk=conversation_id).first()
    if conversation is None:
        raise NotFound("There is no such conversation.", code="conversation_not_found")
    return conversation
