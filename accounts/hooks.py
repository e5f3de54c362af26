"""Hooks through which upper apps react to changes of accounts, logins, follows and blocks."""

from typing import Literal
from uuid import UUID

from accounts.contacts import Contact
from accounts.models import User
from soukloop.core.hooks import Hook

# All are called in the transaction of the change.
account_closed: Hook[[User], None] = Hook()
"""`callback(user)`: an account is banned or deleted."""

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
