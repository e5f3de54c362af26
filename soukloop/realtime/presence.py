"""Who is online, and who is told."""

from collections.abc import Callable, Iterable
from uuid import UUID

Audience = Callable[[UUID], Iterable[UUID]]

_audiences: list[Audience] = []


def register_audience(audience: Audience) -> Audience:
    """Register `(user_id) -> ids of the people who are told when this person comes and goes`."""
    _audiences.append(audience)
    return audience


def audience_of(user_id: UUID) -> set[UUID]:
    return {other for audience in _audiences for other in audience(user_id)} - {user_id}
