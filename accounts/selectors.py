"""Reads about people: who an identifier means, who hides from whom, who follows whom."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Lower
from django.db.models.lookups import Exact

from accounts.identifiers import normal_email, normal_phone
from accounts.models import Block, Follow, User
from soukloop.core.db.reads import Reads, Statement


def user_by_identifier(identifier: str) -> User | None:
    """Find a person by email, phone (however it is written) or username."""
    if email := normal_email(identifier):
        return User.objects.filter(Exact(Lower("email"), Value(email))).first()
    if phone := normal_phone(identifier):
        return User.objects.filter(phone=phone).first()
    return User.objects.filter(Exact(Lower("username"), Value(identifier.strip().lower()))).first()


def blocked_ids(user_id: UUID) -> set[UUID]:
    """Return everybody who is hidden from this person, whichever of the two made the block."""
    made = Block.objects.filter(blocker_id=user_id).values_list("blocked_id")
    received = Block.objects.filter(blocked_id=user_id).values_list("blocker_id")
    return {row[0] for row in made.union(received, all=True)}


class Caller(NamedTuple):
    """What a request's token is held against, and the ids that `blocked_ids` returns."""

    deleted_at: datetime | None
    banned_at: datetime | None
    token_version: int
    hidden: list[UUID]


def caller(user_id: UUID) -> Reads[Caller | None]:
    """Read what every request for a list needs of the person who asks, by one statement."""
    rows = yield Statement(
        "SELECT u.deleted_at, u.banned_at, u.token_version,"
        " ARRAY(SELECT blocked_id FROM accounts_block WHERE blocker_id = u.id"
        " UNION ALL SELECT blocker_id FROM accounts_block WHERE blocked_id = u.id)"
        " FROM accounts_user u WHERE u.id = %s",
        [user_id],
        has_one_plan=True,
    )
    return Caller(*rows[0]) if rows else None


def is_blocked_between(a_id: UUID, b_id: UUID) -> bool:
    """Tell whether either of the two blocked the other."""
    return Block.objects.between(a_id, b_id).exists()


def blocked_between(user_id: UUID, other: str) -> Q:
    """Return the condition that this user and the person in column `other` are hidden from each other.

    `Product.objects.exclude(blocked_between(user.pk, "seller_id"))`
    """
    return Q(Exists(Block.objects.filter(blocker_id=user_id, blocked_id=OuterRef(other)))) | Q(
        Exists(Block.objects.filter(blocked_id=user_id, blocker_id=OuterRef(other)))
    )


@dataclass(frozen=True)
class Standing:
    """How many follow and are followed, and whether the viewer is among them."""

    followers_count: int
    following_count: int
    is_following: bool


def standing_of(user: User, viewer: User | None) -> Standing:
    """Count follows of people who are still there."""
    followers = Follow.objects.filter(followed=user, follower__is_active=True).count()
    following = Follow.objects.filter(follower=user, followed__is_active=True).count()
    is_following = viewer is not None and Follow.objects.filter(follower=viewer, followed=user).exists()
    return Standing(followers, following, is_following)


def followers_of(user: User, viewer: User) -> QuerySet[Follow]:
    """Return who follows this person, newest first, without those who are hidden from the viewer."""
    follows = Follow.objects.filter(followed=user, follower__is_active=True).select_related("follower")
    return _as_seen_by(viewer, follows, "follower_id")


def followed_by(user: User, viewer: User) -> QuerySet[Follow]:
    """Return whom this person follows, newest first, without those who are hidden from the viewer."""
    follows = Follow.objects.filter(follower=user, followed__is_active=True).select_related("followed")
    return _as_seen_by(viewer, follows, "followed_id")


def blocks_of(user: User) -> QuerySet[Block]:
    """Return the blocks this person made, newest first."""
    blocks = Block.objects.filter(blocker=user, blocked__deleted_at=None).select_related("blocked")
    return blocks.order_by("-created_at", "-pk")


def follower_ids(user_id: UUID) -> QuerySet[Follow, UUID]:
    """Return the ids of the active people who follow this one, for announcements to all of them."""
    return Follow.objects.filter(followed_id=user_id, follower__is_active=True).values_list(
        "follower_id", flat=True
    )


def _as_seen_by(viewer: User, follows: QuerySet[Follow], other: str) -> QuerySet[Follow]:
    return (
        follows.exclude(blocked_between(viewer.pk, other))
        .annotate(is_following=Exists(Follow.objects.filter(follower=viewer, followed=OuterRef(other))))
        .order_by("-created_at", "-pk")
    )
