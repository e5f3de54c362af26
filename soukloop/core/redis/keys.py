"""Redis keys: rate limits."""


def rate_limit(scope: str, who: str) -> str:
    """Sorted set of the hits within the scope's window."""
    return f"rate:{scope}:{who}"
