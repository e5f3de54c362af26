"""Staff actions on accounts: bans, badges, staff membership. Each reason is kept in the admin history."""

from uuid import UUID

from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from accounts import hooks
from accounts.access import lock_user
from accounts.error_codes import AccountsErrorCode
from accounts.models import User
from accounts.services.logins import end_all_logins
from soukloop.core.db.clock import database_now
from soukloop.core.errors import Conflict, Forbidden
from soukloop.core.staff.history import log_staff_action

_NOT_FOR_MODERATORS = (
    *("admin", "auth", "contenttypes", "sessions", "procrastinate", "core"),
    *("payments", "orders"),  # of which see the next line
)
_ON_ORDERS = ("view_order", "view_dispute", "change_dispute", "view_review", "change_review")
FINANCE = "Finance"
# Besides viewing all of payments. Who decides disputes reads what both sides wrote, and sees the stream.
FINANCE_PERMISSIONS = {
    "payments": (
        *("change_refund", "change_payout", "change_transfer", "change_financecase", "change_feebill"),
        *("add_correction", "change_correction"),
    ),
    "orders": ("view_order", "view_dispute", "change_dispute", "view_review"),
    "accounts": ("view_user",),
    "offers": ("view_offer", "view_transaction"),
    "listings": ("view_product",),
    "chat": ("view_conversation", "view_message"),
    "livestream": ("view_stream",),
    "procrastinate": ("view_procrastinatejob", "change_procrastinatejob"),
}
_ON_JOBS = ("view_procrastinatejob", "change_procrastinatejob")  # to see them, and retry those that failed


def ban_user(*, actor: User, user_id: UUID, reason: str) -> User:
    """Ban an account: its tokens and sockets end, and `account_closed` is called.

    Raises Conflict (already_banned, account_deleted), and Forbidden for the actor's own account and, unless
    the actor is a superuser, for other staff.
    """
    with transaction.atomic():
        user = lock_user_for_staff(actor, user_id)
        if user.banned_at is not None:
            raise Conflict(_("This account is already banned."), code=AccountsErrorCode.ALREADY_BANNED)
        user.banned_at = database_now()
        user.ban_reason = reason
        user.is_active = False
        user.save(update_fields=["banned_at", "ban_reason", "is_active", "updated_at"])
        end_all_logins(user, gettext_noop("This account is banned."))
        hooks.account_closed(user)
        log_staff_action(actor=actor, row=user, message=f"Banned: {reason}")
        return user


def unban_user(*, actor: User, user_id: UUID, reason: str) -> User:
    """Lift a ban: the account's products are listed again; ended offers and streams remain ended.

    Raises Conflict (not_banned, account_deleted), and Forbidden as `ban_user` does.
    """
    with transaction.atomic():
        user = lock_user_for_staff(actor, user_id)
        if user.banned_at is None:
            raise Conflict(_("This account is not banned."), code=AccountsErrorCode.NOT_BANNED)
        user.banned_at = None
        user.ban_reason = ""
        user.is_active = True
        user.save(update_fields=["banned_at", "ban_reason", "is_active", "updated_at"])
        hooks.account_reopened(user)
        log_staff_action(actor=actor, row=user, message=f"Unbanned: {reason}")
        return user


def set_verified_badge(*, actor: User, user_id: UUID, is_given: bool, reason: str) -> User:
    """Give or remove the badge for a verified identity; raises Conflict (badge_unchanged)."""
    with transaction.atomic():
        user = lock_user_for_staff(actor, user_id)
        if user.has_verified_badge == is_given:
            message = _("This account has no verified badge.")
            if is_given:
                message = _("This account already has the verified badge.")
            raise Conflict(message, code=AccountsErrorCode.BADGE_UNCHANGED)
        user.has_verified_badge = is_given
        user.save(update_fields=["has_verified_badge", "updated_at"])
        if is_given:
            hooks.badge_given(user)
        verb = "given" if is_given else "removed"
        log_staff_action(actor=actor, row=user, message=f"Verified badge {verb}: {reason}")
        return user


def set_staff(*, actor: User, user_id: UUID, is_staff: bool, reason: str) -> User:
    """Give or remove access to the admin, as a moderator; for superusers. Removing it ends every login.

    Moderators may view everything but money, and run actions; a superuser may restrict their group.
    Raises Forbidden, Conflict (staff_unchanged).
    """
    if not actor.is_superuser:
        raise Forbidden(_("Only superusers may change who is staff."))
    with transaction.atomic():
        user = lock_user_for_staff(actor, user_id)
        if user.is_staff == is_staff:
            message = _("This account is already staff.") if is_staff else _("This account is not staff.")
            raise Conflict(message, code=AccountsErrorCode.STAFF_UNCHANGED)
        if is_staff and not user.is_active:
            raise Conflict(_("This account is banned."), code=AccountsErrorCode.STAFF_UNCHANGED)
        user.is_staff = is_staff
        user.is_superuser = False
        user.save(update_fields=["is_staff", "is_superuser", "updated_at"])
        user.groups.set([_moderators()] if is_staff else [])
        user.user_permissions.clear()
        if not is_staff:
            end_all_logins(user, gettext_noop("You are no longer staff. Log in again."))
        verb = "Made staff" if is_staff else "Removed from staff"
        log_staff_action(actor=actor, row=user, message=f"{verb}: {reason}")
        return user


def set_finance(*, actor: User, user_id: UUID, is_finance: bool, reason: str) -> User:
    """Give or remove the rights of finance, for superusers; they make an account staff too.

    Who has no other rights is no longer staff without them. Raises Forbidden, Conflict (staff_unchanged).
    """
    if not actor.is_superuser:
        raise Forbidden(_("Only superusers may change who is staff."))
    with transaction.atomic():
        user = lock_user_for_staff(actor, user_id)
        if user.groups.filter(name=FINANCE).exists() == is_finance or (is_finance and not user.is_active):
            raise Conflict(
                _("The rights of this account are as they should be, or it is banned."),
                code=AccountsErrorCode.STAFF_UNCHANGED,
            )
        if is_finance:
            user.groups.add(_finance())
        else:
            user.groups.remove(_finance())
        was_staff = user.is_staff
        user.is_staff = is_finance or user.is_superuser or user.groups.exists()
        user.save(update_fields=["is_staff", "updated_at"])
        if was_staff and not user.is_staff:
            end_all_logins(user, gettext_noop("You are no longer staff. Log in again."))
        verb = "Given" if is_finance else "Removed"
        log_staff_action(actor=actor, row=user, message=f"{verb} the rights of finance: {reason}")
        return user


def _moderators() -> Group:
    group, is_new = Group.objects.get_or_create(name="Moderators")
    if is_new:
        view_and_change = Q(codename__startswith="view_") | Q(codename__startswith="change_")
        permissions = Permission.objects.filter(view_and_change)
        group.permissions.set(
            permissions.exclude(content_type__app_label__in=_NOT_FOR_MODERATORS)
            | permissions.filter(content_type__app_label="procrastinate", codename__in=_ON_JOBS)
            | permissions.filter(content_type__app_label="orders", codename__in=_ON_ORDERS)
        )
    return group


def _finance() -> Group:
    group, is_new = Group.objects.get_or_create(name=FINANCE)
    if is_new:
        allowed = Q(content_type__app_label="payments", codename__startswith="view_")
        for app_label, codenames in FINANCE_PERMISSIONS.items():
            allowed |= Q(content_type__app_label=app_label, codename__in=codenames)
        group.permissions.set(Permission.objects.filter(allowed))
    return group


def lock_user_for_staff(actor: User, user_id: UUID) -> User:
    """Lock and return an account for staff; raises Forbidden, NotFound, Conflict (account_deleted)."""
    if actor.pk == user_id:
        raise Forbidden(_("You cannot do this to your own account."))
    user = lock_user(user_id)
    if user.deleted_at is not None:
        raise Conflict(_("This account was deleted."), code=AccountsErrorCode.ACCOUNT_DELETED)
    if user.is_staff and not actor.is_superuser:
        raise Forbidden(_("Only superusers may change staff accounts."))
    return user
