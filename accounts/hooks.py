"""What upper apps do when somebody is gone, or hidden from somebody: registered in their `ready()`."""

from collections.abc import Callable
from typing import Generic, ParamSpec
from uuid import UUID

from accounts.models import User

P = ParamSpec("P")


class Hook(Generic[P]):
    """Calls all that is registered, in the caller's transaction; the same registered twice is called once."""

    def __init__(self) -> None:
        self.callbacks: list[Callable[P, None]] = []

    def register(self, callback: Callable[P, None]) -> Callable[P, None]:
        if callback not in self.callbacks:
            self.callbacks.append(callback)
        return callback

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> None:
        for callback in self.callbacks:
            callback(*args, **kwargs)


# `callback(user)`: somebody is banned or deleted.
account_closed: Hook[[User]] = Hook()
on_account_closed = account_closed.register

# `callback(user)`: a banned person is let in again.
account_reopened: Hook[[User]] = Hook()
on_account_reopened = account_reopened.register

# `callback(blocker_id, blocked_id)`: one person blocks another.
blocked: Hook[[UUID, UUID]] = Hook()
on_blocked = blocked.register

# `callback(follower_id, followed_id)`: somebody stops following.
unfollowed: Hook[[UUID, UUID]] = Hook()
on_unfollowed = unfollowed.register
