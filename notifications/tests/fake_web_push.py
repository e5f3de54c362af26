"""A push service of Web Push with browsers subscribed to it: RFC 8030, 8291 and 8292 on the wire."""

import base64
import json
import os
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import http_ece
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from notifications.tests.http2_server import Http2Server, Reply, Request


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def raw_public_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )


@dataclass
class Subscription:
    """What a browser's `pushManager.subscribe` returns, with the keys that only the browser has."""

    endpoint: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    secret: bytes = field(default_factory=lambda: os.urandom(16))

    @property
    def p256dh(self) -> str:
        return b64(raw_public_key(self.key))

    @property
    def auth(self) -> str:
        return b64(self.secret)

    def decrypt(self, body: bytes) -> dict[str, Any]:
        plain = http_ece.decrypt(body, private_key=self.key, auth_secret=self.secret, version="aes128gcm")
        value: dict[str, Any] = json.loads(plain)
        return value


@dataclass
class Delivery:
    """A push that the service took for a subscription."""

    payload: dict[str, Any]
    headers: dict[str, str]
    body: bytes


class FakeWebPush:
    """Takes pushes for its subscriptions, whose `answers` may be replaced."""

    def __init__(
        self,
        directory: Path,
        vapid: ec.EllipticCurvePrivateKey,
        *,
        protocols: tuple[str, ...] = ("h2", "http/1.1"),
    ) -> None:
        self.server = Http2Server(directory, self._answer, protocols=protocols)
        self.vapid = vapid
        self.subscriptions: dict[str, Subscription] = {}  # by path
        self.unread: set[str] = set()
        self.answers: dict[str, Callable[[], Reply]] = {}
        self.deliveries: dict[str, list[Delivery]] = {}
        self.requests: Counter[str] = Counter()
        self.problems: list[str] = []
        self._lock = threading.Lock()

    def __enter__(self) -> "FakeWebPush":
        self.server.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.server.__exit__(*error)

    def subscribe(self) -> Subscription:
        path = f"/wpush/v2/{secrets.token_urlsafe(40)}"
        subscription = self.subscriptions[path] = Subscription(f"{self.server.url}{path}")
        return subscription

    def subscribe_elsewhere(self, path: str) -> str:
        """Take pushes for a subscription whose keys only a browser has; return its endpoint."""
        self.unread.add(path)
        return f"{self.server.url}{path}"

    def deliveries_of(self, subscription: Subscription) -> list[Delivery]:
        return list(self.deliveries.get(subscription.endpoint.removeprefix(self.server.url), []))

    def answer_with(self, subscription: Subscription, reply: Callable[[], Reply]) -> None:
        self.answers[subscription.endpoint.removeprefix(self.server.url)] = reply

    def requests_of(self, subscription: Subscription) -> int:
        return self.requests[subscription.endpoint.removeprefix(self.server.url)]

    def _answer(self, request: Request) -> Reply:
        with self._lock:
            self.requests[request.path] += 1
        if request.path in self.answers:
            reply = self.answers[request.path]()
            if reply.status != 201:
                return reply
        subscription = self.subscriptions.get(request.path)
        if subscription is None and request.path not in self.unread:
            return Reply(404)
        try:
            self._check_signature(request.headers["authorization"])
            assert request.headers["content-encoding"] == "aes128gcm"
            assert int(request.headers["ttl"]) >= 0
            assert request.headers["urgency"] in ("very-low", "low", "normal", "high")
            assert len(request.headers["topic"]) <= 32
            if len(request.body) > 4096:
                return Reply(413)
            payload = subscription.decrypt(request.body) if subscription else {}
        except (AssertionError, KeyError, ValueError, jwt.InvalidTokenError, http_ece.ECEException) as error:
            self.problems.append(repr(error))
            return Reply(403, str(error).encode())
        delivery = Delivery(payload, request.headers, request.body)
        self.deliveries.setdefault(request.path, []).append(delivery)
        return Reply(201, headers={"Location": f"{self.server.url}/m/1"})

    def _check_signature(self, authorization: str) -> None:
        """Check VAPID: the key is the one subscribed to, for this origin, and good for a day at most."""
        scheme, _, rest = authorization.partition(" ")
        assert scheme.lower() == "vapid"
        fields = dict(part.strip().split("=", 1) for part in rest.split(","))
        assert unb64(fields["k"]) == raw_public_key(self.vapid)
        claims = jwt.decode(
            fields["t"], self.vapid.public_key(), algorithms=["ES256"], audience=self.server.url
        )
        assert claims["exp"] <= time.time() + 24 * 3600
        assert claims["sub"].startswith(("mailto:", "https:"))
