"""Feeds, deep pages and search: our endpoint, its SQL alone, a FastAPI peer, in one run on one core."""

from bench.feeds.report import main

__all__ = ["main"]
