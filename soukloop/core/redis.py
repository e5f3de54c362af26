"""The connection to Redis, shared by everything that isn't the cache or the channel layer."""

from typing import Any

from django_redis import get_redis_connection


def redis_client() -> Any:
    """Return a `redis.Redis` of the process's pool; calls raise `redis.RedisError` when Redis is away.

    Untyped: the library types each answer as bytes or str, whichever the client was made for. Ours: bytes.
    """
    return get_redis_connection("default")
