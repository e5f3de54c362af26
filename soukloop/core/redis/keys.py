"""Redis keys: rate limits, the readiness check, jobs whose workers died."""

READINESS_PROBE = "readyz"  # written by each check of `/readyz`


def rate_limit(scope: str, who: str) -> str:
    """Sorted set of the hits within the scope's window."""
    return f"rate:{scope}:{who}"


def worker_deaths(job_id: int) -> str:
    """How many workers died while they ran this job; kept for a day after the last."""
    return f"worker_deaths:{job_id}"
