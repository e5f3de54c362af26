"""Hooks: lists of callbacks through which upper apps react to a lower app, which never imports them."""

import logging
from collections.abc import Callable
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

logger = logging.getLogger(__name__)


class Hook(Generic[P, R]):
    """A list of callbacks. A lower app declares and calls it; upper apps register callbacks.

    Callbacks run in the order in which they were registered, in the caller's thread and transaction. An
    exception stops the caller, unless it uses `call_robust`.
    """

    def __init__(self) -> None:
        self._callbacks: list[Callable[P, R]] = []

    def register(self, callback: Callable[P, R]) -> Callable[P, R]:
        """Add a callback; registering the same one twice calls it once. Usable as a decorator."""
        if callback not in self._callbacks:
            self._callbacks.append(callback)
        return callback

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> list[R]:
        """Call every callback and return what they returned."""
        return [callback(*args, **kwargs) for callback in self._callbacks]

    def call_robust(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Call every callback, even if another raises; exceptions are logged."""
        for callback in self._callbacks:
            try:
                callback(*args, **kwargs)
            except Exception:
                logger.exception("hook %s.%s failed", callback.__module__, callback.__qualname__)
