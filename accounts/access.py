"""Access to users' rows: fetching one with the checks that hide it from others."""

from uuid import UUID

from django.db.models import Value
from django.db.models.functions import Lower
from django.db.models.lookups import Exact
from django.utils.translation import gettext_lazy as _

from accounts.blocks import is_blocked_between
from accounts.error_codes import AccountsErrorCode
from accounts.models import User
from accounts.tokens import check_account_open
from soukloop.core.errors import NotFound


def visible_user(viewer: User | None, user_id: UUID) -> User:
    """Return a person who is not banned, deleted or blocked for the viewer; raises NotFound."""
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None or (viewer is not None and is_blocked_between(viewer.pk, user.pk)):
        raise NotFound(_("User not found."), code=AccountsErrorCode.USER_NOT_FOUND)
    return user


def visible_user_named(viewer: User | None, username: str) -> User:
    """Return the person with this username, with or without its `@`, as `visible_user` does."""
    name = Value(username.removeprefix("@").lower())
    user_id = User.objects.filter(Exact(Lower("username"), name)).values_list("pk", flat=True).first()
    if user_id is None:
        raise NotFound(_("User not found."), code=AccountsErrorCode.USER_NOT_FOUND)
    return visible_user(viewer, user_id)


def lock_user(user_id: UUID) -> User:
    """Lock and return an account in any state, for its owner or for staff; raises NotFound.

    With `no_key`, other transactions can still insert rows that refer to this one.
    """
    user = User.objects.select_for_update(no_key=True).filter(pk=user_id).first()
    if user is None:
        raise NotFound(_("User not found."), code=AccountsErrorCode.USER_NOT_FOUND)
    return user


def lock_open_account(user_id: UUID) -> User:
    """Lock and return the account of a person who changes something of it.

    A request may wait for the lock while the account is deleted or banned, and would then write names into an
    anonymous row. Raises NotAuthenticated (account_deleted, account_banned).
    """
    return check_account_open(lock_user(user_id))
