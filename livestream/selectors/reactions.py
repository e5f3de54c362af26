"""Reads of the reaction totals in PostgreSQL."""

from uuid import UUID

from django.db.models import Sum

from livestream.models import ReactionTotal


def saved_reactions(stream_id: UUID) -> dict[str, int]:
    """Return emoji → saved count, most used first."""
    rows = ReactionTotal.objects.filter(stream=stream_id).order_by("-count", "emoji")
    return dict(rows.values_list("emoji", "count"))


def total_likes(stream_id: UUID) -> int:
    """Return the number of saved reactions with any emoji."""
    return ReactionTotal.objects.filter(stream=stream_id).aggregate(total=Sum("count"))["total"] or 0
