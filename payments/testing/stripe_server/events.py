"""Events, the endpoints they are sent to, and a sender that can do it badly on demand."""

import heapq
import json
import random
import secrets
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from http.client import HTTPConnection
from urllib.parse import urlsplit

from stripe import WebhookSignature

from payments.testing.stripe_server.errors import ApiError, invalid
from payments.testing.stripe_server.routes import Call, page, route
from payments.testing.stripe_server.store import PLATFORM, Object, Store

EVENTS_KEPT = 200_000
ENDPOINTS_MAX = 16
ATTEMPTS_MAX = 8
POST_TIMEOUT = 10


@route("POST", "/webhook_endpoints", "url enabled_events api_version connect description metadata")
def create_endpoint(call: Call) -> Object:
    if len(call.store.listed("webhook_endpoint", PLATFORM)) >= ENDPOINTS_MAX:
        raise ApiError(400, "You have reached the maximum of 16 webhook endpoints.")
    url, events = call.text("url"), call.params.get("enabled_events")
    if not url.startswith(("http://", "https://")):
        raise invalid("Invalid URL", code="url_invalid", param="url")
    if not isinstance(events, list):
        raise invalid("Missing required param: enabled_events.", param="enabled_events")
    endpoint = call.store.add(
        "we",
        "webhook_endpoint",
        PLATFORM,
        {
            "api_version": call.params.get("api_version"),
            "application": None,
            "description": call.params.get("description"),
            "enabled_events": events,
            "metadata": call.nested("metadata"),
            "status": "enabled",
            "url": url,
            "_connect": call.flag("connect"),
            "_secret": f"whsec_{secrets.token_hex(16)}",
        },
    )
    return {**_shown(endpoint), "secret": endpoint["_secret"]}


def _shown(endpoint: Object) -> Object:
    return {name: value for name, value in endpoint.items() if not name.startswith("_")}


@route("GET", "/webhook_endpoints", "limit starting_after")
def list_endpoints(call: Call) -> Object:
    listed = page(call, "webhook_endpoint", "/v1/webhook_endpoints")
    return {**listed, "data": [_shown(endpoint) for endpoint in listed["data"]]}


@route("POST", "/webhook_endpoints/{id}", "url enabled_events disabled description metadata")
def update_endpoint(call: Call) -> Object:
    endpoint = call.find("webhook_endpoint")
    for name in ("url", "enabled_events", "description"):
        if name in call.params:
            endpoint[name] = call.params[name]
    endpoint["metadata"] = {**endpoint["metadata"], **call.nested("metadata")}
    if "disabled" in call.params:
        endpoint["status"] = "disabled" if call.flag("disabled") else "enabled"
    return _shown(endpoint)


@route("DELETE", "/webhook_endpoints/{id}")
def delete_endpoint(call: Call) -> Object:
    endpoint = call.find("webhook_endpoint")
    call.store.remove(endpoint)
    return {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}


@dataclass(frozen=True)
class Delivery:
    """One message to one endpoint."""

    event_id: str
    kind: str
    url: str
    body: bytes
    secret: str

    def headers(self) -> dict[str, str]:
        """Sign it now: a receiver refuses old signatures."""
        signature = WebhookSignature.generate_signature_header(self.body.decode(), self.secret)
        return {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": signature}


@dataclass
class Behaviour:
    """How messages are sent; the default is at once, once, in order."""

    hold: bool = False
    """Keep them for `take`."""
    copies: int = 1
    delay_max: float = 0.0
    """Each is delayed by a random time, so they also change places."""
    drop: float = 0.0
    """The share that never arrives."""
    chance: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311


class Webhooks:
    """Turns what happens into events and sends them, in a thread of its own."""

    def __init__(self, store: Store) -> None:
        self.behaviour = Behaviour()
        self.events: deque[Object] = deque(maxlen=EVENTS_KEPT)
        self.sent: dict[int, int] = {}
        """Answer's status → count; 0 is no answer."""
        self._store = store
        self._held: deque[Delivery] = deque(maxlen=EVENTS_KEPT)
        self._queue: list[tuple[float, int, int, Delivery]] = []
        self._count = 0
        self._in_hand = 0
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None
        store.emit = self.emit

    def emit(self, kind: str, subject: Object, account: str) -> None:
        """Record an event, and send it to every endpoint that wants it."""
        event = {
            "id": self._store.new_id("evt"),
            "object": "event",
            "created": int(time.time()),
            "data": {"object": {k: v for k, v in subject.items() if k != "test_card"}},
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": kind,
        }
        if account != PLATFORM:
            event["account"] = account
        event = json.loads(json.dumps(event))  # a snapshot: the object goes on changing
        self.events.append(event)
        for endpoint in self._endpoints(kind, account):
            body = json.dumps({**event, "api_version": endpoint["api_version"]}).encode()
            self._deliver(Delivery(event["id"], kind, endpoint["url"], body, endpoint["_secret"]))

    def _endpoints(self, kind: str, account: str) -> Iterable[Object]:
        for endpoint_id in self._store.listed("webhook_endpoint", PLATFORM):
            endpoint = self._store.find(endpoint_id)
            if (
                endpoint is not None
                and endpoint["status"] == "enabled"
                and endpoint["_connect"] == (account != PLATFORM)
                and ({kind, "*"} & set(endpoint["enabled_events"]))
            ):
                yield endpoint

    def _deliver(self, delivery: Delivery) -> None:
        how = self.behaviour
        if how.chance.random() < how.drop:
            return
        for _ in range(how.copies):
            if how.hold:
                self._held.append(delivery)
            else:
                self._schedule(delivery, how.chance.uniform(0, how.delay_max), attempt=1)

    def take(self) -> list[Delivery]:
        """Return what was held, in order, and forget it."""
        taken = list(self._held)
        self._held.clear()
        return taken

    def send(self, deliveries: Iterable[Delivery]) -> None:
        """Send messages at once, in this order."""
        for delivery in deliveries:
            self._schedule(delivery, 0, attempt=1)

    def settle(self, timeout: float = 30) -> bool:
        """Wait until everything is sent or given up; return whether it was."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._queue and not self._in_hand, timeout)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(POST_TIMEOUT + 5)

    def _schedule(self, delivery: Delivery, delay: float, *, attempt: int) -> None:
        with self._changed:
            self._count += 1
            heapq.heappush(self._queue, (time.monotonic() + delay, self._count, attempt, delivery))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="stripe-webhooks", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._closed and (not self._queue or self._queue[0][0] > time.monotonic()):
                    wait = self._queue[0][0] - time.monotonic() if self._queue else None
                    self._changed.wait(wait)
                if self._closed:
                    return
                _, _, attempt, delivery = heapq.heappop(self._queue)
                self._in_hand += 1
            status = post(delivery)
            if not 200 <= status < 300 and attempt < ATTEMPTS_MAX:
                self._schedule(delivery, min(0.25 * 2**attempt, 10), attempt=attempt + 1)
            with self._changed:
                self.sent[status] = self.sent.get(status, 0) + 1
                self._in_hand -= 1
                self._changed.notify_all()


def post(delivery: Delivery) -> int:
    """Send a message and return the status of the answer, or 0 if there was none."""
    url = urlsplit(delivery.url)
    connection = HTTPConnection(url.hostname or "", url.port or 80, timeout=POST_TIMEOUT)
    try:
        connection.request("POST", url.path, delivery.body, delivery.headers())
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()
