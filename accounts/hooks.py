"""Hooks through which upper apps react to changes of accounts, logins, follows and blocks."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from accounts.contacts import Contact
from accounts.models import User
from soukloop.core.errors import Text
from soukloop.core.hooks import Hook

# All are called in the transaction of the change.
account_closed: Hook[[User], None] = Hook()
"""`callback(user)`: an account is banned or deleted."""

account_deleted: Hook[[User], None] = Hook()
"""`callback(user)`: an account is deleted, for good: what only its owner needed is erased."""


@dataclass(frozen=True)
class AccountObligation:
    """Something that a person has to settle before the account can be deleted, such as open orders."""

    kind: str
    """For programs, stable: `open_orders`."""

    text: Text
    """For people, with the number in it where it matters."""

    count: int


account_deletion_blockers: Hook[[User], list[AccountObligation]] = Hook()
"""`callback(user)`: return what keeps this account from being deleted; an empty list where nothing does.

Called while the deleting transaction holds the lock on the account's row. So that nothing new can begin
between the callback's query and the deletion, whoever begins an obligation (creates an order, books a debt)
calls `accounts.access.lock_open_account` for each person who will owe something, in the same transaction: of
the two transactions one waits, and then finds either the obligation or a deleted account. A foreign key's own
lock is not enough. People are locked first, in the order of their ids, and products and sales after them,
because the deletion goes on to lock the person's products. A callback takes no locks.
"""

account_reopened: Hook[[User], None] = Hook()
"""`callback(user)`: a ban is lifted."""

logins_ended: Hook[[UUID, UUID | None], None] = Hook()
"""`callback(user_id, family_id)`: a person's login has ended; all of them where `family_id` is None."""

user_blocked: Hook[[UUID, UUID], None] = Hook()
"""`callback(blocker_id, blocked_id)`"""

password_changed: Hook[[User], None] = Hook()
"""`callback(user)`: a new password was set, by its owner or with a one-time code."""

ContactChange = Literal["added", "confirmed", "removed"]

contact_changed: Hook[[User, Contact, str, ContactChange, bool], None] = Hook()
"""`callback(user, contact, address, change, is_confirmed)`: an email or phone was added to an account,
confirmed as a second one, or removed, and then `is_confirmed` until now. Not called for what an account
registers with, nor when it is deleted."""

badge_given: Hook[[User], None] = Hook()
"""`callback(user)`: staff gave the badge for a verified identity."""

user_followed: Hook[[UUID, UUID], None] = Hook()
"""`callback(follower_id, followed_id)`: not called again while the follow lasts."""

user_muted: Hook[[UUID, UUID], None] = Hook()
"""`callback(muter_id, muted_id)`"""

user_unfollowed: Hook[[UUID, UUID], None] = Hook()
"""`callback(follower_id, followed_id)`"""
