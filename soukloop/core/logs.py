"""Log formats: JSON for machines, plain lines for a terminal; secrets are redacted in both."""

import logging
import re
from typing import Any

from pythonjsonlogger.json import JsonFormatter as BaseJsonFormatter

from soukloop.core.http.requests import request_id

# The last line of defence: no token or key reaches a log, whichever code logs it.
_SECRETS = re.compile(
    r"eyJ[\w-]{8,}\.[\w-]+\.[\w-]*|sk_[\w-]{8,}|((?:ticket|token|secret)=)[^&\s\"']+"
    r"|(_secret_|/onboarding/)[^&?/\s\"']+"  # in addresses of pages of a payment provider
)


def redact(text: str) -> str:
    """Replace JWTs, stream keys, ticket, token and secret parameters, and secrets of providers' pages."""
    return _SECRETS.sub(lambda match: f"{match.group(1) or match.group(2) or ''}[redacted]", text)


class RequestFilter(logging.Filter):
    """Add the current request's id to every record that names no other."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not hasattr(record, "request_id"):
            record.request_id = request_id.get()
        return True


class JsonFormatter(BaseJsonFormatter):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(
            "%(asctime)s %(levelname)s %(name)s %(message)s %(request_id)s",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
            datefmt="%Y-%m-%dT%H:%M:%S%z",
        )

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class ConsoleFormatter(logging.Formatter):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        duration = getattr(record, "duration_ms", None)
        return redact(f"{line}  {duration} ms" if duration is not None else line)
