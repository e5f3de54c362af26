"""Reads about people: who an identifier means, who hides from whom, who follows whom."""

from uuid import UUID

from django.db.models import Exists, OuterRef, Q, Value
from django.db.models.functions import Lower
from django.db.models.lookups import Exact

from accounts.identifiers import normal_email, normal_phone
from accounts.models import Block, User


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


def is_blocked_between(a_id: UUID, b_id: UUID) -> bool:
    """Tell whether either of the two blocked the other."""
    return Block.objects.filter(
        Q(blocker_id=a_id, blocked_id=b_id) | Q(blocker_id=b_id, blocked_id=a_id)
    ).exists()


def blocked_between(user_id: UUID, other: str) -> Q:
    """Return the condition that this user and the person in column `other` are hidden from each other.

    `Product.objects.exclude(blocked_between(user.pk, "seller_id"))`
    """
    return Q(Exists(Block.objects.filter(blocker_id=user_id, blocked_id=OuterRef(other)))) | Q(
        Exists(Block.objects.filter(blocked_id=user_id, blocker_id=OuterRef(other)))
    )
