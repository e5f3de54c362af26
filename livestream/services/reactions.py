"""Reactions: counted in Redis, told to the room, written down every few seconds."""

from uuid import UUID

from django.db import transaction

from accounts.models import User
from livestream import access, events, live_counts, states
from livestream.models import Stream
from livestream.selectors import figures
from livestream.services.streams import save_reactions


def react(*, actor: User, stream_id: UUID, emoji: str) -> int:
    """Count a viewer's reaction and tell the room (contract 4.6); return how many of that emoji there are.

    Raises NotFound, Forbidden, Conflict; RedisError when nothing can be counted.
    """
    stream = access.watchable_stream(actor, stream_id)
    states.check(stream, "react")
    total = live_counts.react(stream.pk, emoji)
    if total is None:
        total = live_counts.react(stream.pk, emoji, figures.saved_reactions(stream.pk)) or 0
    events.reaction(stream.pk, actor.pk, emoji)
    return total


@transaction.atomic
def write_down(*, stream_id: UUID) -> None:
    """Write a live stream's reactions into PostgreSQL; what Redis forgets later is lost only since then."""
    save_reactions(stream_id, live_counts.reactions(stream_id))
    Stream.objects.live().filter(pk=stream_id).update(total_likes=figures.total_likes(stream_id))
