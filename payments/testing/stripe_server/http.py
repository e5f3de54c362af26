"""The HTTP side: keys, versions, idempotency, faults, and errors in Stripe's shape."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from payments.testing.stripe_server import accounts, disputes, events, payments, payouts, refunds
from payments.testing.stripe_server.accounts import no_access
from payments.testing.stripe_server.errors import ApiError, invalid
from payments.testing.stripe_server.forms import parse_form
from payments.testing.stripe_server.routes import Call, Route, check_params, expand, find_route
from payments.testing.stripe_server.store import Object

if TYPE_CHECKING:
    from payments.testing.stripe_server.server import StripeServer

MODULES = (accounts, disputes, events, payments, payouts, refunds)  # whose import registers their routes
BODY_MAX = 1_000_000
IDEMPOTENCY_KEYS_MAX = 2_000_000
KEY_MAX = 255


class Idempotency:
    """The answers to calls with a key, which are given again for the same call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: dict[tuple[str, str], tuple[str, int, Object] | None] = {}

    def begin(self, key: tuple[str, str], request: str) -> tuple[int, Object] | None:
        """Return the answer that was given before, or None if the call is to be done now."""
        with self._lock:
            if key not in self._answers:
                if len(self._answers) >= IDEMPOTENCY_KEYS_MAX:
                    self._answers.clear()
                self._answers[key] = None
                return None
            known = self._answers[key]
        if known is None:
            raise in_use()
        if known[0] != request:
            raise ApiError(
                400,
                "Keys for idempotent requests can only be used with the same parameters they were first used"
                " with.",
                kind="idempotency_error",
                is_saved=False,
            )
        return known[1], known[2]

    def end(self, key: tuple[str, str], request: str, answer: tuple[int, Object] | None) -> None:
        """Keep the answer, or forget the key where nothing was done."""
        with self._lock:
            if answer is None:
                self._answers.pop(key, None)
            else:
                self._answers[key] = (request, *answer)

    def forget(self) -> None:
        """Forget all keys, as Stripe does after a day."""
        with self._lock:
            self._answers.clear()


def in_use() -> ApiError:
    return ApiError(
        409,
        "There is currently another in-progress request using this Stripe account and Idempotency Key.",
        kind="idempotency_error",
        code="idempotency_key_in_use",
        is_saved=False,
    )


BEFORE = {
    "server_error": ApiError(500, "An unknown error occurred", kind="api_error", is_saved=False),
    "overloaded": ApiError(429, "Too many requests", code="rate_limit", is_saved=False),
    "locked": ApiError(429, "This object cannot be accessed right now", code="lock_timeout", is_saved=False),
    "in_use": in_use(),
}


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], stripe: "StripeServer") -> None:
        self.stripe = stripe
        super().__init__(address, Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are part of the tests."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    disable_nagle_algorithm = True
    server: Listener

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_DELETE(self) -> None:
        self._answer("DELETE")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: bodies and keys are nobody's business."""

    def _answer(self, method: str) -> None:
        stripe, url = self.server.stripe, urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(min(length, BODY_MAX)).decode()
        if url.path.startswith("/control/"):
            self._send(*stripe.controls.handle(url.path.removeprefix("/control/"), body))
            return
        fault = stripe.faults.next_for(method, url.path)
        replayed = False
        try:
            if length > BODY_MAX:
                raise ApiError(413, "Too large", is_saved=False)
            if fault and fault.kind in BEFORE:
                raise BEFORE[fault.kind]
            if fault and fault.kind == "no_answer":
                stripe.closing.wait(fault.seconds)
                self._hang_up()
                return
            status, answer, replayed = self._perform(method, url.path, body or url.query)
        except ApiError as error:
            status, answer = error.status, error.body
        if fault and fault.kind == "answer_lost":
            self._hang_up()
            return
        if fault and fault.kind == "answer_late":
            stripe.closing.wait(fault.seconds)
        self._send(status, answer, replayed=replayed, broken=bool(fault and fault.kind == "broken_answer"))

    def _perform(self, method: str, path: str, form: str) -> tuple[int, Object, bool]:
        stripe = self.server.stripe
        found, ids = find_route(method, path)
        is_payer = self._check_key(found)
        self._check_version()
        account = self.headers.get("Stripe-Account", "")
        if account and stripe.store.find(account) is None:
            raise no_access(account)
        params = parse_form(form)
        check_params(found, params)
        call = Call(stripe.store, account, params, ids, is_payer)
        stripe.record(method, path, account, params, dict(self.headers))
        key = self.headers.get("Idempotency-Key", "")
        if method != "POST" or not key:
            return (*self._run(found, call), False)
        if len(key) > KEY_MAX:
            raise invalid("Idempotency keys may be at most 255 characters", param="Idempotency-Key")
        request = f"{path}?{form}"
        known = stripe.idempotency.begin((account, key), request)
        if known:
            return (*known, True)
        answer = None
        try:
            answer = self._run(found, call)
        except ApiError as error:
            answer = (error.status, error.body) if error.is_saved else None
            raise
        finally:
            stripe.idempotency.end((account, key), request, answer)
        return (*answer, False)

    def _run(self, found: Route, call: Call) -> tuple[int, Object]:
        wanted = call.params.get("expand") or []
        with call.store.lock:
            answer = call.store.copy(found.handler(call))
            expand(call.store, answer, wanted if isinstance(wanted, list) else [wanted])
        return 200, answer

    def _check_key(self, found: Route) -> bool:
        """Return whether the caller is a payer's phone."""
        stripe = self.server.stripe
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if found.payers and key == stripe.publishable_key:
            return True
        if key == stripe.publishable_key:
            raise ApiError(403, "This API call cannot be made with a publishable API key.", is_saved=False)
        if key != stripe.secret_key:
            raise ApiError(401, f"Invalid API Key provided: {key[:8]}****", is_saved=False)
        return False

    def _check_version(self) -> None:
        wanted = self.server.stripe.api_version
        given = self.headers.get("Stripe-Version", "")
        if given != wanted:
            raise invalid(f"Invalid Stripe API version: {given!r}; this server speaks {wanted}")

    def _send(self, status: int, answer: Object, *, replayed: bool = False, broken: bool = False) -> None:
        content = b"<html>Bad gateway</html>" if broken else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Request-Id", self.server.stripe.request_id())
        if replayed:
            self.send_header("Idempotent-Replayed", "true")
        self.end_headers()
        self.wfile.write(content)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.close()
