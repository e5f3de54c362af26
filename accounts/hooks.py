"""What upper apps do when somebody is gone, or hidden from somebody: registered in their `ready()`."""

from collections.abc import Callable
from uuid import UUID

from accounts.models import User

AccountClosed = Callable[[User], None]
Blocked = Callable[[UUID, UUID], None]
_on_closed: list[AccountClosed] = []
_on_reopened: list[AccountClosed] = []
_on_blocked: list[Blocked] = []
_on_unfollowed: list[Blocked] = []


def on_account_closed(callback: AccountClosed) -> AccountClosed:
    """Have `callback(user)` run in the transaction that bans or deletes somebody."""
    if callback not in _on_closed:
        _on_closed.append(callback)
    return callback


def account_closed(user: User) -> None:
    for callback in _on_closed:
        callback(user)


def on_account_reopened(callback: AccountClosed) -> AccountClosed:
    """Have `callback(user)` run in the transaction that lets a banned person in again."""
    if callback not in _on_reopened:
        _on_reopened.append(callback)
    return callback


def account_reopened(user: User) -> None:
    for callback in _on_reopened:
        callback(user)


def on_blocked(callback: Blocked) -> Blocked:
    """Have `callback(blocker_id, blocked_id)` run in the transaction in which one person blocks another."""
    if callback not in _on_blocked:
        _on_blocked.append(callback)
    return callback


def blocked(blocker_id: UUID, blocked_id: UUID) -> None:
    for callback in _on_blocked:
        callback(blocker_id, blocked_id)


def on_unfollowed(callback: Blocked) -> Blocked:
    """Have `callback(follower_id, followed_id)` run in the transaction in which somebody stops following."""
    if callback not in _on_unfollowed:
        _on_unfollowed.append(callback)
    return callback


def unfollowed(follower_id: UUID, followed_id: UUID) -> None:
    for callback in _on_unfollowed:
        callback(follower_id, followed_id)
