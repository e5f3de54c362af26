"""The connection to Redis, shared by everything that isn't the cache or the channel layer."""

from typing import cast

import redis
from django_redis import get_redis_connection


def redis_client() -> "redis.Redis[bytes]":
    """Return a client of the process's pool; calls raise `redis.RedisError` when Redis is away."""
    return cast("redis.Redis[bytes]", get_redis_connection("default"))
