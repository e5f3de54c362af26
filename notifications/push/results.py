"""Counting what became of pushes."""


def count_push(platform: str, result: str) -> None:
    """Count one push: sent, refused, unregistered, expired, suppressed, lost or busy (to be tried again)."""
