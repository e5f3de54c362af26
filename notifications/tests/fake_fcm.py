"""FCM and Google's token endpoint as they speak on the wire, for tests and benchmarks."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from notifications.tests.http2_server import Http2Server, Reply, Request

PROJECT = "soukloop-tests"
_ACCOUNT = f"pushes@{PROJECT}.iam.gserviceaccount.com"
_JSON = {"Content-Type": "application/json; charset=UTF-8"}


class FakeFcm:
    """Takes messages for any device; `devices` says otherwise for single ones."""

    def __init__(self, directory: Path, *, streams_max: int = 100, token_seconds: int = 3600) -> None:
        self.server = Http2Server(directory, self._answer, streams_max=streams_max)
        self.token_seconds = token_seconds
        self.valid_tokens: set[str] = set()
        self.tokens_fetched = 0
        self.messages: list[dict[str, Any]] = []  # those that were taken
        self.requests: Counter[str] = Counter()  # by device, whatever the answer
        self.devices: dict[str, Callable[[], Reply]] = {}
        self.problems: list[str] = []  # what Google would have refused
        self.takes_after = 0.0  # seconds
        self._lock = threading.Lock()
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def __enter__(self) -> "FakeFcm":
        self.server.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.server.__exit__(*error)

    @property
    def credentials(self) -> str:
        """The service account's JSON, as the Firebase console gives it."""
        private = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return json.dumps(
            {
                "type": "service_account",
                "project_id": PROJECT,
                "private_key_id": "0123456789abcdef",
                "private_key": private.decode(),
                "client_email": _ACCOUNT,
                "client_id": "1",
                "token_uri": f"{self.server.url}/token",
            }
        )

    def titles(self, token: str) -> list[str]:
        """Return the titles that a device got."""
        return [each["notification"]["title"] for each in list(self.messages) if each["token"] == token]

    def _answer(self, request: Request) -> Reply:
        if request.path == "/token":
            return self._token(request)
        return self._send(request)

    def _token(self, request: Request) -> Reply:
        """Check the signed assertion of RFC 7523 with the account's public key."""
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        try:
            assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
            claims = jwt.decode(
                form["assertion"],
                self._key.public_key(),
                algorithms=["RS256"],
                audience="https://oauth2.googleapis.com/token",  # whatever token_uri says
                options={"require": ["iat", "exp", "iss"]},
            )
            assert claims["iss"] == _ACCOUNT
            assert claims["exp"] - claims["iat"] <= 3600
            assert claims["scope"] == "https://www.googleapis.com/auth/firebase.messaging"
        except (AssertionError, KeyError, jwt.InvalidTokenError) as error:
            self.problems.append(f"token: {error!r}")
            return Reply(400, b'{"error":"invalid_grant"}', _JSON)
        with self._lock:
            self.tokens_fetched += 1
            token = f"ya29.{self.tokens_fetched}.{time.time()}"
            self.valid_tokens.add(token)
        answer = {"access_token": token, "expires_in": self.token_seconds, "token_type": "Bearer"}
        return Reply(200, json.dumps(answer).encode(), _JSON)

    def _send(self, request: Request) -> Reply:
        if request.method != "POST" or request.path != f"/v1/projects/{PROJECT}/messages:send":
            return Reply(404, b"<html>Not found</html>", {"Content-Type": "text/html"})
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.valid_tokens:
            return error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        message = json.loads(request.body)["message"]
        self._check(message)
        token = message["token"]
        with self._lock:
            self.requests[token] += 1
        reply = self.devices[token]() if token in self.devices else self.taken(len(self.messages))
        if reply.status == 200:
            self.messages.append(message)
        return reply

    def taken(self, number: int) -> Reply:
        name = {"name": f"projects/{PROJECT}/messages/{number}"}
        return Reply(200, json.dumps(name).encode(), _JSON, after=self.takes_after)

    def _check(self, message: dict[str, Any]) -> None:
        """Note what FCM's documentation forbids."""
        size = len(json.dumps({**message, "token": ""}, ensure_ascii=False, separators=(",", ":")).encode())
        if size > 4096:
            self.problems.append(f"{size} bytes")
        for name, value in message["data"].items():
            if (
                not isinstance(value, str)
                or name in ("from", "message_type")
                or name.startswith(("google", "gcm"))
            ):
                self.problems.append(f"data {name}")
        if len(message["apns"]["headers"]["apns-collapse-id"].encode()) > 64:
            self.problems.append("apns-collapse-id")
        if not message["android"]["ttl"].endswith("s"):
            self.problems.append("ttl")


def error(status: int, name: str, text: str, code: str = "", headers: dict[str, str] | None = None) -> Reply:
    """Answer as Google's services do; `code` is FCM's own."""
    body: dict[str, Any] = {"code": status, "message": text, "status": name}
    if code:
        kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
        body["details"] = [{"@type": kind, "errorCode": code}]
    return Reply(status, json.dumps({"error": body}).encode(), _JSON | (headers or {}))


def unregistered() -> Reply:
    return error(404, "NOT_FOUND", "Requested entity was not found.", "UNREGISTERED")
