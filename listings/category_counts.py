"""Numbers of products per category (contract 2.6): counted in PostgreSQL, cached in Redis for 5 minutes."""

import logging
import time

from django.conf import settings
from django.db import transaction
from django.db.models import Count
from redis.exceptions import RedisError

from listings import keys
from listings.models import LISTED, Product
from soukloop.core.redis.client import redis_client

logger = logging.getLogger(__name__)

Counts = dict[str, tuple[int, int]]

_REFRESH_SECONDS = 20
# Changes only an existing hash, because a hash created here would be incomplete.
_INCREMENT_IF_CACHED = """
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[2]) end
"""


def category_counts() -> Counts:
    """Return slug → (products that aren't deleted, listed products).

    If the cache is empty, one process counts and the others wait for it. Without Redis, every call counts.
    """
    try:
        client = redis_client()
        cached = _parse(client.hgetall(keys.CATEGORY_COUNTS))
        if cached is not None:
            return cached
        deadline = time.monotonic() + 2
        while not client.set(keys.CATEGORY_COUNTS_REFRESH, 1, nx=True, ex=_REFRESH_SECONDS):
            time.sleep(0.05)
            cached = _parse(client.hgetall(keys.CATEGORY_COUNTS))
            if cached is not None:
                return cached
            if time.monotonic() > deadline:  # the process that counts is slow or has died
                return _count()
        try:
            # Another process may have counted between the look at the cache and the lock.
            cached = _parse(client.hgetall(keys.CATEGORY_COUNTS))
            if cached is not None:
                return cached
            counts = _count()
            with client.pipeline() as pipe:
                pipe.delete(keys.CATEGORY_COUNTS)
                pipe.hset(
                    keys.CATEGORY_COUNTS,
                    mapping={
                        "complete": 1,
                        **{f"total:{slug}": total for slug, (total, _) in counts.items()},
                        **{f"active:{slug}": active for slug, (_, active) in counts.items()},
                    },
                )
                pipe.expire(keys.CATEGORY_COUNTS, settings.CATEGORIES_CACHE_TTL)
                pipe.execute()
        finally:
            client.delete(keys.CATEGORY_COUNTS_REFRESH)
    except RedisError as error:
        logger.warning("caching category counts failed: %s", error)
        return _count()
    return counts


def adjust_counts_on_commit(slug: str, *, total: int = 0, active: int = 0) -> None:
    """Adjust the cached counts on commit, after one product changed; this is cheaper than counting again."""

    def adjust() -> None:
        try:
            client = redis_client()
            for name, change in (("total", total), ("active", active)):
                if change:
                    client.eval(_INCREMENT_IF_CACHED, 1, keys.CATEGORY_COUNTS, f"{name}:{slug}", change)
        except RedisError as error:
            logger.warning("adjusting category counts failed: %s", error)

    transaction.on_commit(adjust)


def invalidate_counts_on_commit() -> None:
    """Delete the cached counts on commit, after many products changed at once."""

    def delete_cached() -> None:
        try:
            redis_client().delete(keys.CATEGORY_COUNTS)
        except RedisError as error:
            logger.warning("deleting cached category counts failed: %s", error)

    transaction.on_commit(delete_cached)


def _count() -> Counts:
    rows = (
        Product.objects.exclude(status=Product.Status.DELETED)
        .values_list("category_id")
        .annotate(total=Count("*"), active=Count("pk", filter=LISTED))
        .order_by()
    )
    return {slug: (total, active) for slug, total, active in rows}


def _parse(cached: dict[bytes, bytes]) -> Counts | None:
    if b"complete" not in cached:
        return None
    counts: Counts = {}
    for name, value in cached.items():
        kind, _, slug = name.decode().partition(":")
        total, active = counts.get(slug, (0, 0))
        if kind == "total":
            counts[slug] = (int(value), active)
        elif kind == "active":
            counts[slug] = (total, int(value))
    return counts
