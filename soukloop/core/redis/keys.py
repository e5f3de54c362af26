"""Redis keys: rate limits, the readiness check."""

READINESS_PROBE = "readyz"  # written by each check of `/readyz`


def rate_limit(scope: str, who: str) -> str:
    """Sorted set of the hits within the scope's window."""
    return f"rate:{scope}:{who}"
