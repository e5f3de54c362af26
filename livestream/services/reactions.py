"""Counting reactions in Redis, publishing them, and saving the totals to PostgreSQL."""

from collections.abc import Mapping
from uuid import UUID

from django.conf import settings
from django.db import transaction

from accounts.models import User
from livestream import access, events, live_counts, states
from livestream.models import ReactionTotal, Stream
from livestream.selectors.reactions import saved_reactions, total_likes


def send_reaction(*, actor: User, stream_id: UUID, emoji: str) -> int:
    """Count a viewer's reaction and publish it (contract 4.6); return the emoji's total in this stream.

    Raises NotFound, Forbidden, Conflict; RedisError when nothing can be counted.
    """
    stream = access.watchable_stream(actor, stream_id)
    states.require_allowed(stream, "react")
    total = live_counts.count_reaction(stream.pk, emoji)
    if total is None:
        total = live_counts.count_reaction(stream.pk, emoji, saved_reactions(stream.pk)) or 0
    events.publish_reaction(stream.pk, actor.pk, emoji)
    return total


@transaction.atomic
def persist_reaction_totals(*, stream_id: UUID) -> None:
    """Save a live stream's reactions, so that few of them are lost if Redis loses its data."""
    save_reactions(stream_id, live_counts.reactions(stream_id))
    Stream.objects.live().filter(pk=stream_id).update(total_likes=total_likes(stream_id))


def save_reactions(stream_id: UUID, counted: Mapping[str, int]) -> None:
    """Save these totals; ignore those lower than the saved ones, because Redis may have lost its data."""
    saved = saved_reactions(stream_id)
    ReactionTotal.objects.bulk_create(
        [
            ReactionTotal(stream_id=stream_id, emoji=emoji, count=count)
            for emoji, count in sorted(counted.items())
            if emoji in settings.STREAM_REACTIONS and count > saved.get(emoji, 0)
        ],
        update_conflicts=True,
        unique_fields=["stream", "emoji"],
        update_fields=["count"],
    )
