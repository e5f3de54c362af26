"""Follows, blocks and mutes."""

from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts import hooks
from accounts.access import visible_user
from accounts.error_codes import AccountsErrorCode
from accounts.models import Block, Follow, Mute, User
from soukloop.core.errors import BadRequest, NotFound


def follow_user(*, actor: User, user_id: UUID) -> User:
    """Follow a user, or leave an existing follow unchanged; raises NotFound, BadRequest (not_yourself)."""
    _refuse_self(actor, user_id)
    with transaction.atomic():
        lock_pair(actor.pk, user_id)
        user = visible_user(actor, user_id)
        _, is_new = Follow.objects.get_or_create(follower=actor, followed=user)
        if is_new:
            hooks.user_followed(actor.pk, user_id)
        return user


def unfollow_user(*, actor: User, user_id: UUID) -> User:
    """Unfollow a user; it is no error if the actor does not follow them. Raises NotFound."""
    with transaction.atomic():
        deleted, _ = Follow.objects.filter(follower=actor, followed_id=user_id).delete()
        if deleted:
            hooks.user_unfollowed(actor.pk, user_id)
    return visible_user(actor, user_id)


def block_user(*, actor: User, user_id: UUID) -> None:
    """Hide two people from each other and end their follows; raises NotFound, BadRequest (not_yourself)."""
    _refuse_self(actor, user_id)
    with transaction.atomic():
        lock_pair(actor.pk, user_id)
        if not User.objects.filter(pk=user_id, deleted_at=None).exists():
            raise NotFound(_("User not found."), code=AccountsErrorCode.USER_NOT_FOUND)
        Block.objects.get_or_create(blocker=actor, blocked_id=user_id)
        Follow.objects.filter(
            Q(follower=actor, followed_id=user_id) | Q(follower_id=user_id, followed=actor)
        ).delete()
        hooks.user_blocked(actor.pk, user_id)


def unblock_user(*, actor: User, user_id: UUID) -> None:
    """Remove the actor's block of this user; the other user's block of the actor remains."""
    Block.objects.filter(blocker=actor, blocked_id=user_id).delete()


def mute_user(*, actor: User, user_id: UUID) -> User:
    """Notify the actor of nothing that this user causes any more; raises NotFound, BadRequest (not_yourself).

    The other person isn't told, and sees no difference.
    """
    _refuse_self(actor, user_id)
    with transaction.atomic():
        user = visible_user(actor, user_id)
        Mute.objects.get_or_create(muter=actor, muted=user)
        hooks.user_muted(actor.pk, user_id)
        return user


def unmute_user(*, actor: User, user_id: UUID) -> None:
    """Notify the actor again; it is no error if this user wasn't muted."""
    Mute.objects.filter(muter=actor, muted_id=user_id).delete()


def _refuse_self(actor: User, user_id: UUID) -> None:
    if actor.pk == user_id:
        raise BadRequest(_("You cannot follow, block or mute yourself."), code=AccountsErrorCode.NOT_YOURSELF)


def lock_pair(a_id: UUID, b_id: UUID) -> None:
    """Serialize what two people's blocks forbid, for the rest of the transaction.

    Without this, a follow could be committed at the same time as a block that forbids it. Locking the users'
    rows would make all followers of a popular seller wait for each other.
    """
    first, second = sorted([str(a_id), str(b_id)])
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"pair:{first}:{second}"])
