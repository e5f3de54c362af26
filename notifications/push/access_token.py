"""The access token of FCM: one for all senders, kept in Redis and fetched by one process at a time."""

import json
import logging
import time
from collections.abc import Mapping
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any, cast

import httpx
from django.core.exceptions import ImproperlyConfigured
from google.auth.exceptions import GoogleAuthError, TransportError
from google.auth.transport import Request, Response
from google.oauth2.service_account import Credentials
from redis.exceptions import LockError, RedisError

from notifications import keys
from soukloop.core.encryption import InvalidToken, decrypt, encrypt
from soukloop.core.redis.client import redis_client

logger = logging.getLogger(__name__)

_SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
_PURPOSE = "notifications.fcm_access_token"
_RENEWED_BEFORE_EXPIRY = 300  # seconds
_FETCH_SECONDS, _WAIT_SECONDS = 20, 25


class NoAccessToken(Exception):
    """Google gives no token now."""


class AccessToken:
    """Reads the shared token, and fetches one where there is none. Its calls block."""

    def __init__(self, credentials: str) -> None:
        self.account = read_service_account(credentials)
        self._value, self._expires_at = "", 0.0

    @property
    def project_id(self) -> str:
        return str(self.account["project_id"])

    @property
    def known(self) -> str:
        """The token as this process read it last; empty if it has none that is good for some minutes."""
        return self._value if time.time() < self._expires_at else ""

    def get(self, *, refused: str = "") -> str:
        """Return a token that is not the one which was refused; raises NoAccessToken."""
        if self.known not in ("", refused):
            return self.known
        name = str(self.account["client_email"])
        lock = redis_client().lock(
            keys.fcm_access_token_lock(name), timeout=_FETCH_SECONDS, blocking_timeout=_WAIT_SECONDS
        )
        try:
            if self._read(name) not in ("", refused):
                return self._value
            with lock:
                if self._read(name) not in ("", refused):
                    return self._value
                self._fetch()
                self._write(name)
        except LockError as error:
            if not self._value or self._value == refused:
                raise NoAccessToken("another process fetches it, and doesn't end") from error
        except RedisError as error:
            logger.warning("Redis is unavailable for the access token of FCM: %s", error)
            self._fetch()
        return self._value

    def _read(self, name: str) -> str:
        """Take the shared token as this process's own, if there is one."""
        kept = redis_client().get(keys.fcm_access_token(name))
        if kept is None:
            return ""
        try:
            value, expires_at = json.loads(
                decrypt(kept.decode(), purpose=_PURPOSE, max_age=timedelta(hours=2))
            )
        except (InvalidToken, ValueError):  # of another SECRET_KEY
            return ""
        if time.time() >= expires_at:
            return ""
        self._value, self._expires_at = value, expires_at
        return self._value

    def _write(self, name: str) -> None:
        text = encrypt(json.dumps([self._value, self._expires_at]), purpose=_PURPOSE)
        seconds = max(1, int(self._expires_at - time.time()))
        redis_client().set(keys.fcm_access_token(name), text, ex=seconds)

    def _fetch(self) -> None:
        credentials = Credentials.from_service_account_info(self.account, scopes=[_SCOPE])  # type: ignore[no-untyped-call]
        try:
            credentials.refresh(_HttpxRequest())
        except GoogleAuthError as error:
            raise NoAccessToken(str(error)) from error
        expires_at = credentials.expiry.replace(tzinfo=UTC).timestamp()
        margin = min(_RENEWED_BEFORE_EXPIRY, (expires_at - time.time()) / 2)
        self._value, self._expires_at = credentials.token, expires_at - margin


def read_service_account(credentials: str) -> dict[str, Any]:
    """Read FCM_CREDENTIALS; raises ImproperlyConfigured."""
    try:
        text = credentials if credentials.lstrip().startswith("{") else Path(credentials).read_text()
        account = json.loads(text)
        missing = {"project_id", "client_email", "private_key", "token_uri"} - account.keys()
    except (OSError, ValueError, AttributeError) as error:
        raise ImproperlyConfigured(f"FCM_CREDENTIALS can't be read: {error}") from error
    if missing:
        raise ImproperlyConfigured(f"FCM_CREDENTIALS lacks {', '.join(sorted(missing))}.")
    return cast(dict[str, Any], account)


class _HttpxResponse(Response):
    def __init__(self, response: httpx.Response) -> None:
        self._response = response

    @property
    def status(self) -> int:
        return self._response.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        return self._response.headers

    @property
    def data(self) -> bytes:
        return self._response.content


class _HttpxRequest(Request):
    """How google-auth sends its requests."""

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> _HttpxResponse:
        try:
            return _HttpxResponse(
                httpx.request(method, url, content=body, headers=headers, timeout=timeout or 5)
            )
        except httpx.HTTPError as error:
            raise TransportError(error) from error  # type: ignore[no-untyped-call]
