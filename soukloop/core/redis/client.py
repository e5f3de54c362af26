"""Redis clients for everything except the cache and the channel layer."""

import asyncio
from typing import Any
from weakref import WeakKeyDictionary

from django.conf import settings
from django_redis import get_redis_connection
from redis.asyncio import Redis

_clients_by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = WeakKeyDictionary()


def redis_client() -> Any:
    """Return a `redis.Redis` of the process's pool; its calls raise RedisError while Redis is unavailable.

    Typed as Any, because the library types every reply as bytes or str. This client's replies are bytes.
    """
    return get_redis_connection("default")


def async_redis_client() -> Any:
    """Return a client for the running event loop, with the cache's timeouts."""
    loop = asyncio.get_running_loop()
    client = _clients_by_loop.get(loop)
    if client is None:
        options = settings.CACHES["default"]["OPTIONS"]
        client = _clients_by_loop[loop] = Redis.from_url(
            settings.REDIS_URL,
            socket_connect_timeout=options["SOCKET_CONNECT_TIMEOUT"],
            socket_timeout=options["SOCKET_TIMEOUT"],
            health_check_interval=15,
        )
    return client
