"""PostgreSQL, Redis (all of it can be lost), the channel layer, background jobs."""

from datetime import timedelta

from soukloop.settings.environment import env

DATABASES = {
    "default": env.db("DATABASE_URL", default="postgis://soukloop:soukloop@localhost:5432/soukloop")
    | {
        "ENGINE": "soukloop.core.db.postgis",  # whose pool survives lost connections
        "OPTIONS": {
            "pool": {"max_size": env.int("DATABASE_POOL_SIZE", default=20), "timeout": 10},
            "connect_timeout": 5,
            # A lock that is not had in time is a 503 to one person, not a pile-up for everyone. Requests are
            # many and small: workers and compiled plans for one would be taken from the others.
            "options": "-c lock_timeout=10s -c statement_timeout=30s"
            " -c idle_in_transaction_session_timeout=60s"
            " -c max_parallel_workers_per_gather=0 -c jit=off",
        },
        "TEST": {"NAME": env.str("TEST_DATABASE_NAME", default="test_soukloop")},
    },
}

REDIS_URL = env.str("REDIS_URL", default="redis://localhost:6379/0")
CHANNEL_PREFIX = env.str("CHANNEL_PREFIX", default="soukloop")  # of the names of Redis's pub/sub channels
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "cache",
        "OPTIONS": {
            "SOCKET_CONNECT_TIMEOUT": 1,
            "SOCKET_TIMEOUT": 2,
            "CONNECTION_POOL_KWARGS": {"max_connections": 200, "health_check_interval": 15},
        },
    },
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "soukloop.realtime.layer.ChannelLayer",
        "CONFIG": {"hosts": [{"address": REDIS_URL}], "prefix": CHANNEL_PREFIX},
    },
}

PROCRASTINATE_AUTODISCOVER_MODULE_NAME = "tasks"
# A worker says "alive" every 10 s; its jobs are put back when it has been silent this long.
JOBS_STALLED_AFTER = timedelta(seconds=30)
JOBS_ATTEMPTS_MAX = 5  # of a job that fails for a reason of its own
JOBS_TEMPORARY_ATTEMPTS_MAX = 1440  # of one that PostgreSQL, Redis or another service fails: a day
JOBS_KEPT_FOR = timedelta(days=7)
