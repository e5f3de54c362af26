"""Pushes to apps through Firebase Cloud Messaging, HTTP v1.

https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages and …/rest/v1/ErrorCode
"""

import asyncio
import json
import logging
import ssl
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from notifications.push.access_token import AccessToken, NoAccessToken
from notifications.push.channels import Busy, Lost, Message, Outcome, Refused, Sent, Target, Unregistered
from notifications.push.http2 import (
    STREAMS_MAX,
    Answer,
    AnswerLost,
    Http2Client,
    Http2NotSupported,
    NotProcessed,
)
from notifications.push.payloads import fcm_message
from notifications.push.retry_after import retry_after

logger = logging.getLogger(__name__)

_CONNECTIONS_MAX = 4
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 401, 403, 404


class FcmChannel:
    """Sends to the devices of Android and iOS."""

    parallel_max = _CONNECTIONS_MAX * STREAMS_MAX

    def __init__(self) -> None:
        self.token = AccessToken(settings.FCM_CREDENTIALS)
        url = urlsplit(settings.FCM_URL)
        context = ssl.create_default_context()
        context.set_alpn_protocols(["h2"])
        self.client = Http2Client(
            url.hostname or "",
            url.port or 443,
            context,
            connections_max=_CONNECTIONS_MAX,
            timeout=settings.PUSH_ANSWER_TIMEOUT.total_seconds(),
        )
        self._path = f"{url.path}/v1/projects/{self.token.project_id}/messages:send"
        self._fetching = asyncio.Lock()

    async def send(self, target: Target, message: Message) -> Outcome:
        """Send one message, with a new access token once if FCM refuses the one that we have."""
        body = fcm_message(target.token, message, now=datetime.now(UTC))
        try:
            token = await self._access_token()
            answer = await self._post(token, body)
            if answer.status == _UNAUTHORIZED and "THIRD_PARTY_AUTH_ERROR" not in _error_codes(answer):
                answer = await self._post(await self._access_token(refused=token), body)
        except (NoAccessToken, NotProcessed) as error:
            return Busy(str(error))
        except Http2NotSupported:
            return Busy(f"{settings.FCM_URL} does not speak HTTP/2")
        except AnswerLost as error:
            return Lost(str(error))
        return _outcome(answer)

    async def close(self) -> None:
        self.client.close()

    async def _access_token(self, refused: str = "") -> str:
        if (known := self.token.known) not in ("", refused):
            return known
        async with self._fetching:
            return await asyncio.to_thread(self.token.get, refused=refused)

    async def _post(self, token: str, body: bytes) -> Answer:
        headers = (
            ("authorization", f"Bearer {token}"),
            ("content-type", "application/json; charset=utf-8"),
            ("content-length", str(len(body))),
        )
        return await self.client.post(self._path, headers, body)


def _outcome(answer: Answer) -> Outcome:
    if answer.status == 200:
        return Sent()
    error, codes = _error(answer), _error_codes(answer)
    text = f"{answer.status} {error.get('status', '')} {'/'.join(sorted(codes))}: {error.get('message', '')}"[
        :200
    ]
    if answer.status in (429, 503):
        return Busy(text, retry_after(answer.headers, datetime.now(UTC)))
    # A 404 that is not of FCM's form comes from something else at this address.
    if "UNREGISTERED" in codes or "SENDER_ID_MISMATCH" in codes or (answer.status == _NOT_FOUND and error):
        return Unregistered(text)
    if "INVALID_ARGUMENT" in codes and _violated_fields(error) <= {"message.token"}:
        return Unregistered(text)
    if answer.status in (_UNAUTHORIZED, _FORBIDDEN) and "THIRD_PARTY_AUTH_ERROR" not in codes:
        return Busy(text)  # our credentials: the same for all pushes until somebody mends them
    if answer.status >= 500:
        return Lost(text)
    return Refused(text)


def _error(answer: Answer) -> dict[str, Any]:
    """Return the error of an answer in the form of Google's services; empty if it is another."""
    try:
        error = json.loads(answer.body)["error"]
    except (ValueError, KeyError, TypeError):
        return {}
    return error if isinstance(error, dict) else {}


def _details(error: dict[str, Any]) -> list[dict[str, Any]]:
    details = error.get("details")
    return [each for each in details if isinstance(each, dict)] if isinstance(details, list) else []


def _error_codes(answer: Answer) -> set[str]:
    return {str(detail["errorCode"]) for detail in _details(_error(answer)) if "errorCode" in detail}


def _violated_fields(error: dict[str, Any]) -> set[str]:
    violations = (detail.get("fieldViolations") for detail in _details(error))
    return {
        str(violation.get("field"))
        for each in violations
        if isinstance(each, list)
        for violation in each
        if isinstance(violation, dict)
    }
