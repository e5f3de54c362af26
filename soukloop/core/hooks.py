"""How a lower app lets the apps above it react, without importing them."""

from collections.abc import Callable
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Hook(Generic[P, R]):
    """A named list of callbacks. The lower app declares it and calls it; upper apps register.

    Callbacks run in the order in which they were registered, in the caller's thread and transaction. An
    exception stops the caller, so what a callback may not stop it must catch.
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
