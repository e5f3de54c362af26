"""A hook that is called just before a transaction commits, and may still write rows in it."""

from collections.abc import Callable
from typing import Any

from soukloop.core.hooks import Hook

before_commit: Hook[[Any, list[Callable[[], Any]]], None] = Hook()
"""`callback(connection, functions)`: the transaction of this connection is about to commit.

`functions` are those that `transaction.on_commit` will then call, without those of savepoints that were
rolled back. An exception rolls the transaction back. Called by `soukloop.core.db.postgis`.
"""
