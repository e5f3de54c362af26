"""Hooks through which upper apps react to accounts that are closed or reopened, blocks and unfollows."""

from uuid import UUID

from accounts.models import User
from soukloop.core.hooks import Hook

# All are called in the transaction of the change.
account_closed: Hook[[User], None] = Hook()
"""`callback(user)`: an account is banned or deleted."""

account_reopened: Hook[[User], None] = Hook()
"""`callback(user)`: a ban is lifted."""

user_blocked: Hook[[UUID, UUID], None] = Hook()
"""`callback(blocker_id, blocked_id)`"""

user_unfollowed: Hook[[UUID, UUID], None] = Hook()
"""`callback(follower_id, followed_id)`"""
