"""Logging: levels and formats."""

from soukloop.settings.base import DEBUG
from soukloop.settings.environment import env

LOG_FORMAT = env.str("LOG_FORMAT", default="console" if DEBUG else "json")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request": {"()": "soukloop.core.logs.RequestFilter"}},
    "formatters": {
        "json": {"()": "soukloop.core.logs.JsonFormatter"},
        "console": {"()": "soukloop.core.logs.ConsoleFormatter"},
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT, "filters": ["request"]},
    },
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django": {"handlers": [], "propagate": True},  # with its own, each line was written twice in DEBUG
        "django.request": {"level": "ERROR"},  # 4xx are logged once, by soukloop.request
        # With a traceback for each request that a scanner sends: another host, too many fields of a form.
        "django.security": {"level": "CRITICAL"},
        "django.server": {"level": "WARNING"},
        "uvicorn": {"handlers": [], "propagate": True},
        "uvicorn.error": {"level": env.str("LOG_LEVEL", default="INFO")},
        "uvicorn.access": {"handlers": [], "propagate": False, "level": "CRITICAL"},
        "daphne": {"level": "WARNING"},
        "procrastinate": {"level": "WARNING"},
        "botocore": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
        "PIL": {"level": "WARNING"},
    },
}
