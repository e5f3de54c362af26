"""The connection to Redis, shared by everything that isn't the cache or the channel layer."""

import asyncio
from typing import Any
from weakref import WeakKeyDictionary

from django.conf import settings
from django_redis import get_redis_connection
from redis.asyncio import Redis

_of_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = WeakKeyDictionary()


def redis_client() -> Any:
    """Return a `redis.Redis` of the process's pool; calls raise `redis.RedisError` when Redis is away.

    Untyped: the library types each answer as bytes or str, whichever the client was made for. Ours: bytes.
    """
    return get_redis_connection("default")


def async_redis_client() -> Any:
    """Return a client for the running event loop, with the cache's time limits."""
    loop = asyncio.get_running_loop()
    client = _of_loop.get(loop)
    if client is None:
        options = settings.CACHES["default"]["OPTIONS"]
        client = _of_loop[loop] = Redis.from_url(
            settings.REDIS_URL,
            socket_connect_timeout=options["SOCKET_CONNECT_TIMEOUT"],
            socket_timeout=options["SOCKET_TIMEOUT"],
            health_check_interval=15,
        )
    return client
