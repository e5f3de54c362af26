"""The part through HTTP: purchases at two web processes and two workers, which are killed again and again."""

import http.client
import json
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from bench.ledger.processes_to_kill import Fleet

SHOPPERS, SELLERS, BUYERS = 8, 40, 200
KILL_EVERY = 6.0  # seconds, and the time in which a process starts
REQUESTS_MAX = 60  # repetitions of one request while servers are killed
SETTLE_WITHIN = 240.0  # seconds after the last kill
CARDS = ("success", "success", "success", "success", "success", "challenge", "declined", "charged_back")


class Refused(Exception):
    """An answer that is neither 2xx nor the server's fault."""


class Shop:
    """Counts what the shoppers do, and tells when it is enough."""

    def __init__(self, total: int, seed: int, fleet: Fleet, tell: Callable[[int], None]) -> None:
        self.total, self.seed, self.fleet, self._tell = total, seed, fleet, tell
        self.done: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.errors: list[str] = []
        self.lock = threading.Lock()
        self.products: list[tuple[str, str]] = []
        """Of each product that nobody has bought: its id and the seller's token."""
        self.buyers: list[str] = []

    @property
    def is_over(self) -> bool:
        return sum(self.done.values()) >= self.total or bool(self.errors)

    def count(self, name: str) -> None:
        with self.lock:
            self.done[name] += 1
            self._tell(1)

    def take_product(self) -> tuple[str, str] | None:
        with self.lock:
            return self.products.pop() if self.products else None


class Shopper(threading.Thread):
    """Buys one product after the other, each in another way, and repeats what was not answered."""

    def __init__(self, shop: Shop, number: int) -> None:
        super().__init__(name=f"shopper-{number}")
        self.shop = shop
        self.chance = random.Random(f"{shop.seed}:{number}")

    def run(self) -> None:
        try:
            while not self.shop.is_over and (product := self.shop.take_product()):
                try:
                    self._buy(*product)
                except Refused as refusal:
                    with self.shop.lock:
                        self.shop.refused[str(refusal)] += 1
        except Exception as error:
            self.shop.errors.append(f"{type(error).__name__}: {error}")

    def _buy(self, product_id: str, seller: str) -> None:
        buyer = self.chance.choice(self.shop.buyers)
        method = "card" if self.chance.random() < 0.65 else "in_person"
        order = self._post(buyer, "orders", product_id=product_id, payment_method=method, delivery="meet_up")
        path = f"orders/{order['id']}"
        if method == "card" and not self._pay(buyer, path):
            return
        choice = self.chance.random()
        if choice < 0.2:
            self._post(self.chance.choice([buyer, seller]), f"{path}/cancel")
            return
        if choice < 0.3:
            self._post_wrong_code(seller, path)
        code = self._wait(buyer, path, lambda order: order["hand_over_code"])["hand_over_code"]
        self._post(seller, f"{path}/hand-over", code=code)
        choice = self.chance.random()
        if choice < 0.6:
            self._post(buyer, f"{path}/confirm")
        elif choice < 0.75:
            dispute = self._post(buyer, f"{path}/disputes", reason="not_as_described", text="It is broken.")
            answer = self.chance.choice([(buyer, "withdraw"), (seller, "accept")])
            self._post(answer[0], f"disputes/{dispute['id']}/{answer[1]}")
        self._repeat_webhook()

    def _pay(self, buyer: str, path: str) -> bool:
        """Enter cards until one is taken; return False for an order that was given up."""
        for _attempt in range(3):
            order = self._wait(
                buyer,
                path,
                lambda order: order["payment"]["client_secret"] or order["state"] != "pending_payment",
            )
            if order["state"] != "pending_payment":
                return bool(order["state"] in ("authorised", "paid"))
            secret, card = order["payment"]["client_secret"], self.chance.choice(CARDS)
            self._post("", f"/sandbox/payments/{secret}/confirm", card=card)
            if card == "challenge":
                answer = "pass" if self.chance.random() < 0.8 else "fail"
                self._post("", f"/sandbox/payments/{secret}/challenge", answer=answer)
            order = self._wait(
                buyer,
                path,
                lambda order: order["state"] != "pending_payment" or order["payment"]["state"] == "failed",
            )
            if order["state"] != "pending_payment":
                self._wait(buyer, path, lambda order: order["state"] != "authorised")
                return True
            self._post(buyer, f"{path}/pay")
        return False

    def _post_wrong_code(self, seller: str, path: str) -> None:
        with suppress(Refused):
            self._post(seller, f"{path}/hand-over", code=f"{self.chance.randrange(10**6):06d}")

    def _repeat_webhook(self) -> None:
        """Deliver one of the last messages of the provider again, under its own id or a new one."""
        body = self.shop.fleet.recent_webhook(self.chance)
        if body is not None:
            status, _ = self._send("POST", "/api/v1/payments/webhooks/sandbox", *body)
            if status != 200:
                raise Refused(f"webhook {status}")
            self.shop.count("repeat webhook")

    def _wait(self, token: str, path: str, is_reached: Callable[[Any], Any]) -> Any:
        """Read an order until something is true of it, which jobs do."""
        deadline, pause = time.monotonic() + 120, 0.05
        while time.monotonic() < deadline:
            order = self._get(token, path)
            if is_reached(order):
                return order
            time.sleep(pause)
            pause = min(1.0, pause * 1.5)
        raise Refused(f"waited too long for an order that is {order['state']}")

    def _get(self, token: str, path: str) -> Any:
        status, body = self._send("GET", f"/api/v1/{path}", b"", {"Authorization": f"Bearer {token}"})
        if status != 200:
            raise Refused(f"GET {status}")
        return json.loads(body)["data"]

    def _post(self, token: str, path: str, **body: Any) -> Any:
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        address = path if path.startswith("/") else f"/api/v1/{path}"
        status, answer = self._send("POST", address, json.dumps(body).encode(), headers)
        self.shop.count(path.rsplit("/", 1)[-1])
        if not 200 <= status < 300:
            raise Refused(f"{path.rsplit('/', 1)[-1]} {json.loads(answer)['error']['code']}")
        return json.loads(answer)["data"]

    def _send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """Send a request, again while no server answers; note an error of the server."""
        for _attempt in range(REQUESTS_MAX):
            link = http.client.HTTPConnection("127.0.0.1", self.shop.fleet.port(self.chance), timeout=60)
            try:
                link.request(method, path, body or None, headers)
                response = link.getresponse()
                answer = response.read()
            except (OSError, http.client.HTTPException):
                time.sleep(0.2)
                continue
            finally:
                link.close()
            if response.status >= 500:
                self.shop.errors.append(f"{method} {path}: {response.status} {answer[:300]!r}")
                raise Refused(f"{response.status}")
            if response.status == 409 and b"idempotency" in answer:
                time.sleep(0.5)  # the killed server's request is not over for the others
                continue
            return response.status, answer
        raise Refused("no server answered")


def run_through_http(operations: int, seed: int, url: str, tell: Callable[[int], None]) -> dict[str, Any]:
    """Do the operations with eight shoppers while a server is killed every few seconds; then let jobs end."""
    from bench.ledger.market import make_market  # noqa: PLC0415 - sets Django up

    with Fleet(url) as fleet:
        shop = Shop(operations, seed, fleet, tell)
        shop.products, shop.buyers = make_market(operations // 2, SELLERS, BUYERS)
        shoppers = [Shopper(shop, number) for number in range(SHOPPERS)]
        for shopper in shoppers:
            shopper.start()
        chance = random.Random(seed)
        while any(shopper.is_alive() for shopper in shoppers):
            time.sleep(KILL_EVERY)
            fleet.kill_one(chance)
        shop.errors += fleet.settle(SETTLE_WITHIN)
        return {
            "done": shop.done,
            "refused": shop.refused,
            "killed": fleet.killed,
            "errors": shop.errors,
        }
