"""Deleting accounts: by their owners, and by staff."""

from functools import partial
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from accounts import hooks
from accounts.access import lock_open_account
from accounts.contacts import CONTACTS
from accounts.error_codes import AccountsErrorCode
from accounts.models import Block, Follow, Mute, OtpChallenge, RefreshFamily, User
from accounts.services import otp
from accounts.services.contacts import drop_contact
from accounts.services.logins import end_all_logins
from accounts.services.moderation import lock_user_for_staff
from accounts.services.passwords import check_current_password
from soukloop.core.db.clock import database_now
from soukloop.core.errors import Conflict, Forbidden
from soukloop.core.images import delete_image
from soukloop.core.staff.history import log_staff_action


def delete_account(*, actor: User, password: str) -> None:
    """Delete the actor's account.

    The row is kept without personal data, because other people's conversations and sales refer to it. Raises
    ValidationFailed for a wrong password, Conflict (account_has_obligations), and as `lock_open_account`
    does.
    """
    with transaction.atomic():
        challenges = _lock_challenges(actor)
        user = lock_open_account(actor.pk)
        check_current_password(user, password, "password")
        _delete(user, challenges)


def delete_account_for_owner(*, actor: User, user_id: UUID, reason: str) -> None:
    """Delete the account of a person who asked staff to; for superusers. A banned account can be deleted too.

    Raises Forbidden, and Conflict (account_has_obligations, account_deleted).
    """
    if not actor.is_superuser:
        raise Forbidden(_("Only superusers may delete accounts."))
    with transaction.atomic():
        found = User.objects.filter(pk=user_id).first()
        challenges = _lock_challenges(found) if found else []
        user = lock_user_for_staff(actor, user_id)
        _delete(user, challenges)
        log_staff_action(actor=actor, row=user, message=f"Deleted: {reason}")


def _lock_challenges(user: User) -> list[OtpChallenge]:
    """Lock the person's codes before the account, in the same order as when a code is redeemed."""
    contacts = [user.email or "", user.phone or ""]
    return list(OtpChallenge.objects.select_for_update().filter(identifier__in=contacts))


def _delete(user: User, challenges: list[OtpChallenge]) -> None:
    """Delete an account whose row is locked."""
    _check_obligations(user)
    for challenge in challenges:
        otp.void_code(challenge)
        challenge.delete()
    # Before the row's unique columns change: the hook locks products, and making an offer also locks a
    # product before this row.
    hooks.account_closed(user)
    hooks.account_deleted(user)
    transaction.on_commit(partial(delete_image, user.avatar), robust=True)
    _anonymise(user)
    RefreshFamily.objects.filter(user=user).delete()
    Follow.objects.filter(Q(follower=user) | Q(followed=user)).delete()
    Block.objects.filter(Q(blocker=user) | Q(blocked=user)).delete()
    Mute.objects.filter(Q(muter=user) | Q(muted=user)).delete()
    end_all_logins(user, gettext_noop("This account was deleted."))


def _check_obligations(user: User) -> None:
    found = [obligation for several in hooks.account_deletion_blockers(user) for obligation in several]
    if found:
        raise Conflict(
            _("Settle what is open first, then delete the account."),
            code=AccountsErrorCode.ACCOUNT_HAS_OBLIGATIONS,
            details={
                "obligations": [{"kind": one.kind, "text": one.text, "count": one.count} for one in found]
            },
        )


def _anonymise(user: User) -> None:
    for contact in CONTACTS:
        drop_contact(user, contact)
    user.email = f"{user.pk.hex}@deleted.invalid"
    user.username = f"deleted_{user.pk.hex[:22]}"
    user.full_name = "Deleted user"
    user.bio = user.avatar = user.neighborhood = user.ban_reason = ""
    user.location = None
    user.is_active = user.is_staff = user.is_superuser = user.has_verified_badge = False
    user.deleted_at = database_now()
    user.set_unusable_password()
    user.save()
    user.groups.clear()
    user.user_permissions.clear()
