"""What the server knows: objects by id, balances, and everything that moved on them."""

import copy
import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from payments.testing.stripe_server.errors import ApiError, missing

Object = dict[str, Any]
PLATFORM = ""
OBJECTS_MAX = (
    3_000_000  # far above what a million operations leave; a forgotten server must not eat the machine
)


class Store:
    """All objects, each on one account; our own platform is the account "" ."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.emit: Callable[[str, Object, str], None] = lambda kind, subject, account: None
        self.on_credit: Callable[[str], None] = lambda account: None
        self.waiting_refunds: dict[str, list[Object]] = defaultdict(list)
        """Of each account: refunds for which it had no money."""
        self.available_after = 0.0
        """Seconds until what came in can be paid out."""
        self._objects: dict[str, Object] = {}
        self._accounts: dict[str, str] = {}
        self._listed: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._by: dict[tuple[str, str, str], list[str]] = defaultdict(list)
        self._available: dict[tuple[str, str], int] = defaultdict(int)
        self._pending: dict[tuple[str, str], list[tuple[float, int]]] = defaultdict(list)
        self._run = secrets.token_hex(4)
        self._count = 0

    def new_id(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}_{self._run}{self._count:012d}"

    def add(self, prefix: str, noun: str, account: str, fields: Object, *, index: str = "") -> Object:
        """Create an object; `index` is a value by which it will be listed, such as its payment."""
        if len(self._objects) >= OBJECTS_MAX:
            raise ApiError(507, "The server is full", kind="api_error", is_saved=False)
        item: Object = {
            "id": self.new_id(prefix),
            "object": noun,
            "created": int(time.time()),
            "livemode": False,
            "metadata": {},
            **fields,
        }
        self._objects[item["id"]] = item
        self._accounts[item["id"]] = account
        self._listed[account, noun].append(item["id"])
        if index:
            self._by[account, noun, index].append(item["id"])
        return item

    def get(self, noun: str, object_id: str, account: str) -> Object:
        """Return an object that can be changed. Raises ApiError if it is not on this account."""
        item = self._objects.get(object_id)
        if item is None or item["object"] != noun or self._accounts[object_id] != account:
            raise missing(noun, object_id)
        return item

    def find(self, object_id: str) -> Object | None:
        return self._objects.get(object_id)

    def account_of(self, object_id: str) -> str:
        return self._accounts[object_id]

    def listed(self, noun: str, account: str, *, index: str = "") -> list[str]:
        """Return ids, the oldest first."""
        return self._by[account, noun, index] if index else self._listed[account, noun]

    def all_of(self, noun: str) -> list[Object]:
        return [item for item in self._objects.values() if item["object"] == noun]

    def remove(self, item: Object) -> None:
        account = self._accounts.pop(item["id"])
        del self._objects[item["id"]]
        self._listed[account, item["object"]].remove(item["id"])

    def copy(self, item: Object) -> Object:
        return copy.deepcopy(item)

    # --- Balances

    def move(
        self,
        account: str,
        amount: int,
        kind: str,
        source: Object | None,
        *,
        currency: str = "aed",
        category: str = "",
        application_fee: int = 0,
        stripe_fee: int = 0,
    ) -> str:
        """Move money on an account's balance and return the id of the balance transaction."""
        fee = application_fee + stripe_fee
        details = [
            {"amount": part, "currency": currency, "type": name, "description": None, "application": None}
            for name, part in (("application_fee", application_fee), ("stripe_fee", stripe_fee))
            if part
        ]
        now = time.time()
        delay = self.available_after if amount > 0 else 0
        transaction = self.add(
            "txn",
            "balance_transaction",
            account,
            {
                "amount": amount,
                "available_on": int(now + delay),
                "balance_type": "payments",
                "currency": currency,
                "description": None,
                "exchange_rate": None,
                "fee": fee,
                "fee_details": details,
                "net": amount - fee,
                "reporting_category": category or kind,
                "source": source["id"] if source else None,
                "status": "pending" if delay else "available",
                "type": kind,
            },
        )
        if delay:
            self._pending[account, currency].append((now + delay, amount - fee))
        else:
            self._available[account, currency] += amount - fee
        if amount > 0:
            self.on_credit(account)
        return str(transaction["id"])

    def balance(self, account: str, currency: str = "aed") -> tuple[int, int]:
        """Return what is available and what is pending."""
        key, now = (account, currency), time.time()
        due = [entry for entry in self._pending[key] if entry[0] <= now]
        if due:
            self._available[key] += sum(amount for _, amount in due)
            self._pending[key] = [entry for entry in self._pending[key] if entry[0] > now]
        return self._available[key], sum(amount for _, amount in self._pending[key])

    def currencies(self, account: str) -> list[str]:
        return sorted({currency for owner, currency in self._available if owner == account}) or ["aed"]
