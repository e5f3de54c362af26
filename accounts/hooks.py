"""What upper apps do when somebody is gone: registered in their `ready()`."""

from collections.abc import Callable

from accounts.models import User

AccountClosed = Callable[[User], None]
_on_closed: list[AccountClosed] = []


def on_account_closed(callback: AccountClosed) -> AccountClosed:
    """Have `callback(user)` run in the transaction that bans or deletes somebody."""
    if callback not in _on_closed:
        _on_closed.append(callback)
    return callback


def account_closed(user: User) -> None:
    for callback in _on_closed:
        callback(user)
