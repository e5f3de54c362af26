"""The server as an object: start it, order what shall happen, stop it."""

import threading
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from payments.testing.stripe_server.controls import Controls
from payments.testing.stripe_server.events import Webhooks
from payments.testing.stripe_server.faults import Faults
from payments.testing.stripe_server.http import Idempotency, Listener
from payments.testing.stripe_server.refunds import settle_waiting
from payments.testing.stripe_server.store import Store

API_VERSION = "2026-10-28.endive"  # whose objects and parameters the modules here were written from
SECRET_KEY = "sk_test_of_the_fake_server"  # noqa: S105 (opens nothing but this server)
PUBLISHABLE_KEY = "pk_test_of_the_fake_server"
REQUESTS_KEPT = 10_000


@dataclass(frozen=True)
class Request:
    """A call that was understood."""

    method: str
    path: str
    account: str
    params: dict[str, Any]
    headers: dict[str, str] = field(repr=False)


class StripeServer:
    """A server that answers the `stripe` library as Stripe does, as far as we use it."""

    def __init__(self, port: int = 0, *, api_version: str = API_VERSION) -> None:
        self.secret_key = SECRET_KEY
        self.publishable_key = PUBLISHABLE_KEY
        self.api_version = api_version
        self.store = Store()
        self.store.on_credit = partial(settle_waiting, self.store)
        self.webhooks = Webhooks(self.store)
        self.faults = Faults()
        self.idempotency = Idempotency()
        self.controls = Controls(self)
        self.requests: deque[Request] = deque(maxlen=REQUESTS_KEPT)
        self.closing = threading.Event()
        self._listener = Listener(("127.0.0.1", port), self)
        self._thread = threading.Thread(
            target=self._listener.serve_forever, args=(0.05,), name="stripe-server", daemon=True
        )
        self._answers = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.server_address[1]}"

    def start(self) -> "StripeServer":
        self._thread.start()
        return self

    def close(self) -> None:
        self.closing.set()
        self._listener.shutdown()
        self._listener.server_close()
        self._thread.join(10)
        self.webhooks.close()

    def record(
        self, method: str, path: str, account: str, params: dict[str, Any], headers: dict[str, str]
    ) -> None:
        self.requests.append(Request(method, path, account, params, headers))

    def request_id(self) -> str:
        self._answers += 1
        return f"req_{self._answers:014d}"
