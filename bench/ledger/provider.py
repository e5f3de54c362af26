"""A payment provider in memory that can be asked a million times."""

import random
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from payments.providers.base import ProviderRefused, RefundState
from payments.tests.memory_provider import MemoryProvider

KEYS_REMEMBERED = 2_000


class BenchProvider(MemoryProvider):
    """The provider of the tests, without its sums over all refunds, and with a short memory of keys."""

    def __init__(self) -> None:
        super().__init__()
        self.refunded: Counter[str] = Counter()
        self.taken: Counter[str] = Counter()
        self._by_state: defaultdict[tuple[str, str], list[str]] = defaultdict(list)

    def reset(self) -> None:
        super().reset()
        self.memory.answers = OrderedDict()

    def create_refund(
        self, payment: str, account: str, amount: int, *, fee: int, reference: str, key: str
    ) -> RefundState:
        def create() -> RefundState:
            known = self._known("payments", payment, account)
            if amount > self.left_of(payment):
                raise ProviderRefused("charge_already_refunded")
            self.refunded[payment] += amount
            self.memory.balances[account] -= amount - fee
            return self._new(
                "refunds",
                lambda pk: RefundState(pk, "pending", amount, known.currency, payment, reference=reference),
            )

        return self._call("create_refund", create, key)

    def pick(self, kind: str, *states: str) -> str | None:
        """Return the id of a random object of this kind in the first of these states that there is."""
        rows = getattr(self.memory, kind)
        for state in states:
            ids = self._by_state[kind, state]
            while ids:
                place = self.chance.randrange(len(ids))
                ids[place], ids[-1] = ids[-1], ids[place]
                found = ids.pop()
                if rows[found].state == state:
                    return found
        return None

    def _note(self, kind: str, external_id: str) -> None:
        self._by_state[kind, getattr(self.memory, kind)[external_id].state].append(external_id)

    def left_of(self, payment: str) -> int:
        """Return what neither a refund nor a bank has taken of a payment."""
        return self.memory.payments[payment].amount - self.refunded[payment] - self.taken[payment]

    def charge_back(self, payment: str, amount: int, state: str = "open") -> str:
        self.taken[payment] += amount
        return super().charge_back(payment, amount, state)  # noted by _new

    def decide_chargeback(self, external_id: str, state: str) -> None:
        chargeback = self.memory.chargebacks[external_id]
        self.taken[chargeback.payment] += chargeback.amount * ((state != "won") - (chargeback.state != "won"))
        super().decide_chargeback(external_id, state)
        self._note("chargebacks", external_id)

    def settle_refund(self, external_id: str, state: str, code: str = "") -> None:
        refund = self.memory.refunds[external_id]
        if state == "failed" and refund.state != "failed":
            self.refunded[refund.payment] -= refund.amount
            self.memory.balances[self.memory.payments[refund.payment].account] += refund.amount
        super().settle_refund(external_id, state, code)
        self._note("refunds", external_id)

    def settle_payout(self, external_id: str, state: str, code: str = "") -> None:
        payout = self.memory.payouts[external_id]
        if state == "failed" and payout.state != "failed":
            self.memory.balances[payout.account] += payout.amount
        super().settle_payout(external_id, state, code)
        self._note("payouts", external_id)

    def _call(self, method: str, act: Callable[[], Any], key: str = "") -> Any:
        fault = next((fault for fault in self.memory.faults if fault.method == method), None)
        if fault is not None:
            self.memory.faults.remove(fault)
            if fault.has_effect:
                with suppress(ProviderRefused):  # what it would have answered is remembered
                    self._answer(method, act, key)
            raise fault.error
        return self._answer(method, act, key)

    def _answer(self, method: str, act: Callable[[], Any], key: str) -> Any:
        answers = self.memory.answers
        if len(answers) > KEYS_REMEMBERED:
            answers.pop(next(iter(answers)))
        return super()._answer(method, act, key)

    def _new(self, kind: str, make: Callable[[str], Any]) -> Any:
        made = super()._new(kind, lambda pk: make(f"{self.prefix}{pk}"))
        if kind in ("refunds", "payouts", "chargebacks"):
            self._note(kind, made.external_id)
        return made

    prefix = ""
    """Of this process's ids, which no other process may make, too."""
    chance = random.Random()
