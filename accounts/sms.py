"""Text messages, sent through the backend in SMS_BACKEND."""

import json
import sys
import urllib.request
from typing import Protocol

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from soukloop.core.db.release import release_connection

_TIMEOUT = 10


class Backend(Protocol):
    def send(self, *, to: str, text: str) -> None: ...


class ConsoleBackend:
    """Print the message, as Django's console email backend does; outside DEBUG its digits are hidden."""

    def send(self, *, to: str, text: str) -> None:
        if not settings.DEBUG:
            text = "".join("*" if character.isdigit() else character for character in text)
        sys.stdout.write(f"SMS to {to}: {text}\n")
        sys.stdout.flush()


class HttpBackend:
    """POST `{"to", "text"}` as JSON to SMS_HTTP_URL, with SMS_HTTP_TOKEN as bearer token; 2xx means sent."""

    def send(self, *, to: str, text: str) -> None:
        if not settings.SMS_HTTP_URL.startswith(("https://", "http://")):
            raise ImproperlyConfigured("SMS_HTTP_URL must be an http(s) URL.")
        request = urllib.request.Request(  # noqa: S310 - http(s) only, checked above
            settings.SMS_HTTP_URL,
            data=json.dumps({"to": to, "text": text}).encode(),
            headers={
                "Content-Type": "application/json",
                "Authorization": f"Bearer {settings.SMS_HTTP_TOKEN}",
            },
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=_TIMEOUT):  # noqa: S310
            pass  # urlopen raises for a status of 400 and above


def send(*, to: str, text: str) -> None:
    """Send a text message; raises OSError if the backend fails."""
    release_connection()
    backend: Backend = import_string(settings.SMS_BACKEND)()
    backend.send(to=to, text=text)
