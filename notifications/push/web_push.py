"""Pushes to browsers: RFC 8030, encrypted as RFC 8291 says and signed as RFC 8292 (VAPID) says."""

import logging
import ssl
import time
from datetime import UTC, datetime
from urllib.parse import SplitResult, urlsplit

import httpx
from django.conf import settings
from pywebpush import WebPusher, WebPushException

from notifications.push.channels import Busy, Lost, Message, Outcome, Refused, Sent, Target, Unregistered
from notifications.push.http2 import (
    STREAMS_MAX,
    Answer,
    AnswerLost,
    Http2Client,
    Http2NotSupported,
    NotProcessed,
)
from notifications.push.payloads import ttl, web_push_payload, web_push_topic
from notifications.push.retry_after import retry_after
from notifications.vapid import read_private_key
from notifications.web_push_hosts import is_allowed_endpoint

logger = logging.getLogger(__name__)

_CONNECTIONS_MAX = 2  # to each host
_HOSTS_MAX = 50
_SIGNED_FOR = 12 * 3600  # seconds; RFC 8292 allows 24 hours, and clocks differ
_GONE = (404, 410)
_WRONG_KEY = (401, 403)  # the browser has subscribed with another key


class WebPushChannel:
    """Sends to browsers, by the push service of each."""

    parallel_max = STREAMS_MAX

    def __init__(self) -> None:
        # The present key first; earlier ones for browsers that have subscribed with them.
        keys = [settings.VAPID_PRIVATE_KEY, *settings.VAPID_PRIVATE_KEY_FALLBACKS]
        self._vapids = [read_private_key(key) for key in keys]
        self._timeout = settings.PUSH_ANSWER_TIMEOUT.total_seconds()
        self._context = ssl.create_default_context()
        self._context.set_alpn_protocols(["h2", "http/1.1"])
        self._clients: dict[tuple[str, int], Http2Client] = {}
        self._http1_only: set[str] = set()
        self._http1 = httpx.AsyncClient(timeout=self._timeout, limits=httpx.Limits(max_connections=50))
        self._signatures: dict[tuple[int, str], tuple[float, str]] = {}

    async def send(self, target: Target, message: Message) -> Outcome:
        """Encrypt a payload for one subscription, and post it to its push service."""
        if not is_allowed_endpoint(target.token):
            return Refused("WEBPUSH_HOSTS does not allow this address")
        now = datetime.now(UTC)
        try:
            keys = {"p256dh": target.p256dh, "auth": target.auth}
            pusher = WebPusher({"endpoint": target.token, "keys": keys})
            body = bytes(pusher.encode(web_push_payload(message))["body"])
        except (WebPushException, ValueError, IndexError) as error:
            return Unregistered(f"its keys can't be used: {error}"[:200])
        url = urlsplit(target.token)
        headers = (
            ("content-encoding", "aes128gcm"),
            ("content-type", "application/octet-stream"),
            ("content-length", str(len(body))),
            ("ttl", ttl(message, now)),
            ("urgency", "high" if message.is_urgent else "normal"),
            ("topic", web_push_topic(message.collapse_key)),
        )
        try:
            for number in range(len(self._vapids)):
                signature = ("authorization", self._signature(number, f"{url.scheme}://{url.netloc}"))
                answer = await self._post(url, (signature, *headers), body)
                if answer.status not in _WRONG_KEY:
                    break
            return _outcome(answer)
        except NotProcessed as error:
            return Busy(str(error))
        except AnswerLost as error:
            return Lost(str(error))

    async def close(self) -> None:
        for client in self._clients.values():
            client.close()
        await self._http1.aclose()

    async def _post(self, url: SplitResult, headers: tuple[tuple[str, str], ...], body: bytes) -> Answer:
        if url.netloc not in self._http1_only:
            path = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
            try:
                return await self._client(url).post(path, headers, body)
            except Http2NotSupported:
                self._http1_only.add(url.netloc)
        try:
            response = await self._http1.post(url.geturl(), headers=headers, content=body)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise NotProcessed(f"no connection to {url.netloc}: {error}") from error
        except httpx.HTTPError as error:
            raise AnswerLost(f"no answer from {url.netloc}: {error!r}") from error
        return Answer(response.status_code, dict(response.headers), response.content[:1000])

    def _client(self, url: SplitResult) -> Http2Client:
        key = (url.hostname or "", url.port or 443)
        client = self._clients.get(key)
        if client is None:
            self._forget_idle()
            client = self._clients[key] = Http2Client(
                *key, self._context, connections_max=_CONNECTIONS_MAX, timeout=self._timeout
            )
        return client

    def _forget_idle(self) -> None:
        """Keep few connections and signatures, however many hosts the patterns of WEBPUSH_HOSTS let in."""
        if len(self._clients) < _HOSTS_MAX:
            return
        for key in [key for key, client in self._clients.items() if client.is_idle]:
            self._clients.pop(key).close()
        self._signatures.clear()
        self._http1_only.clear()

    def _signature(self, number: int, origin: str) -> str:
        """Sign that we are the ones whom the browser has let push, for one push service."""
        now = time.time()
        made_at, header = self._signatures.get((number, origin), (0.0, ""))
        if now - made_at > _SIGNED_FOR / 2 or now < made_at:
            claims = {"aud": origin, "exp": int(now) + _SIGNED_FOR, "sub": settings.VAPID_SUBJECT}
            header = str(self._vapids[number].sign(claims)["Authorization"])
            self._signatures[number, origin] = (now, header)
        return header


def _outcome(answer: Answer) -> Outcome:
    if 200 <= answer.status < 300:
        return Sent()
    text = f"{answer.status} {answer.body.decode(errors='replace')}"[:200]
    if answer.status in _GONE:
        return Unregistered(text)
    if answer.status in (429, 503):
        return Busy(text, retry_after(answer.headers, datetime.now(UTC)))
    if answer.status >= 500:
        return Lost(text)
    return Refused(text)
