"""One process of the benchmark: buyers, sellers, banks and the provider, in a random order."""

import json
import random
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

from django.db import transaction

from accounts.models import User
from bench.ledger.jobs import Jobs
from bench.ledger.provider import BenchProvider
from payments.models import FeeBill, Payment, Payout, Refund, SellerAccount
from payments.services import billing, payments, payouts, polling, refunds, webhooks
from payments.tests.memory_provider import SIGNATURE
from soukloop.core.db.rows import columns_of, one_row, take_instance
from soukloop.core.errors import Conflict
from soukloop.core.money import from_fils, quantize

RATES = (Decimal("0.05"), Decimal("0.15"))


class Trader:
    """Does operations through the services, and keeps of each row only what it needs for the next one."""

    # In thousandths of the operations; what has nothing to work on is another purchase.
    MIX: ClassVar[dict[str, int]] = {
        "buy_by_card": 210,
        "pay": 180,
        "decline": 15,
        "capture": 165,
        "give_up": 15,
        "buy_in_person": 70,
        "hand_over": 60,
        "refund": 50,
        "settle_refund": 45,
        "return_refund": 5,
        "charge_back": 15,
        "decide_chargeback": 15,
        "release": 90,
        "settle_payout": 30,
        "repeat_webhook": 30,
        "bill": 5,
    }

    def __init__(
        self, number: int, seed: int, sellers: list[User], buyers: list[User], provider: BenchProvider
    ):
        self.chance = random.Random(f"{seed}:{number}")
        self.number, self.sellers, self.buyers, self.provider = number, sellers, buyers, provider
        provider.chance = self.chance
        self.jobs = Jobs(self.chance)
        self.jobs.install()
        self.done: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.forms: list[uuid.UUID] = []
        self.blocked: list[uuid.UUID] = []
        self.captured: list[uuid.UUID] = []
        self.released: list[uuid.UUID] = []
        self.bound: list[uuid.UUID] = []
        self.handed_over: list[uuid.UUID] = []
        self.events: list[tuple[str, str, str]] = []
        self.late_events: list[tuple[str, str, str]] = []
        self.months = 0
        self._sql = (
            f"SELECT {columns_of(Payment, 'payment')}, {columns_of(SellerAccount, 'account')}"
            " FROM payments_payment payment"
            " LEFT JOIN payments_selleraccount account ON account.id = payment.account_id"
            " WHERE payment.id = %s"
        )
        self._steps: list[Callable[[], None]] = [getattr(self, name) for name in self.MIX]
        self._weights = list(self.MIX.values())

    def run(self, operations: int, tell: Callable[[int], None]) -> None:
        """Do this many operations, then let everything that is late arrive."""
        for number in range(operations):
            [step] = self.chance.choices(self._steps, self._weights)
            try:
                step()
            except Conflict as conflict:
                self.refused[str(conflict.code)] += 1
            self.done[step.__name__] += 1
            self.jobs.run(self.provider, late=self.chance.randrange(3))
            if self.late_events and self.chance.random() < 0.1:
                self._deliver(*self.late_events.pop(self.chance.randrange(len(self.late_events))))
            if number % 500 == 499:
                tell(500)
        tell(operations % 500)
        self.finish()

    def finish(self) -> None:
        """Run what is late; then ask about what is open, for the webhooks that were dropped."""
        for event in self.late_events:
            self._deliver(*event)
        self.jobs.drain(self.provider)
        own = {"account__external_id__startswith": self.provider.prefix}
        memory = self.provider.memory
        for subject, rows in (
            (
                "payment",
                Payment.objects.filter(external_id__in=self._open("payments", "captured", "cancelled")),
            ),
            ("refund", Refund.objects.filter(external_id__in=list(memory.refunds))),
            ("payout", Payout.objects.filter(**own).exclude(external_id="")),
        ):
            for row_id in rows.values_list("pk", flat=True):
                polling.refresh(subject, row_id)
                self.jobs.drain(self.provider)
        for external_id, chargeback in memory.chargebacks.items():
            self._deliver("chargeback", external_id, memory.payments[chargeback.payment].account)
        self.jobs.drain(self.provider)

    def _open(self, kind: str, *final: str) -> list[str]:
        rows = getattr(self.provider.memory, kind)
        return [external_id for external_id, row in rows.items() if row.state not in final]

    # --- The operations

    def buy_by_card(self) -> None:
        self.forms.append(self._buy("card").pk)

    def buy_in_person(self) -> None:
        self.bound.append(self._buy("in_person").pk)

    def _buy(self, method: Any) -> Payment:
        amount = from_fils(int(10 ** self.chance.uniform(2, 6.7)))
        with transaction.atomic():
            return payments.start_payment(
                reference=uuid.uuid4(),
                payer=self.chance.choice(self.buyers),
                payee=self.chance.choice(self.sellers),
                amount=amount,
                fee=quantize(amount * self.chance.choice(RATES)),
                method=method,
                description="A chair",
            )

    def pay(self) -> None:
        if payment := self._take(self.forms):
            if payment.external_id and payment.state == "requires_action":
                self.provider.pay(payment.external_id)
                self._tell("payment", payment.external_id, self._account(payment))
                self.blocked.append(payment.pk)
            else:
                self.forms.append(payment.pk)

    def decline(self) -> None:
        if payment := self._take(self.forms):
            if payment.external_id and payment.state == "requires_action":
                self.provider.decline(payment.external_id)
                self._tell("payment", payment.external_id, self._account(payment))
            else:
                self.forms.append(payment.pk)

    def capture(self) -> None:
        if payment := self._take(self.blocked):
            if payment.state == "authorised":
                payments.capture_payment(payment_id=payment.pk)
                self.captured.append(payment.pk)
            elif payment.state in ("created", "requires_action"):
                self.blocked.append(payment.pk)

    def give_up(self) -> None:
        pool = self.chance.choice([self.forms, self.blocked, self.bound])
        if payment := self._take(pool):
            payments.cancel_payment(payment=payment)

    def hand_over(self) -> None:
        if payment := self._take(self.bound):
            payments.capture_in_person(payment=payment)
            self.handed_over.append(payment.pk)

    def refund(self) -> None:
        pool = self.chance.choice([self.captured, self.released, self.released, self.handed_over])
        if payment := self._pick(pool):
            part = self.chance.choice([1.0, self.chance.random()])
            left = payment.amount - payment.refunded
            if payment.state == "captured" and left:
                refunds.request_refund(
                    payment=payment,
                    amount=from_fils(max(1, int(left * part))),
                    reason=Refund.Reason.GOODWILL,
                    requested_by=None,
                )

    def settle_refund(self) -> None:
        self._settle("refund", "pending", "succeeded")

    def return_refund(self) -> None:
        self._settle("refund", "succeeded", "failed")

    def settle_payout(self) -> None:
        if self.chance.random() < 0.05:
            self._settle("payout", "paid", "failed")
        else:
            self._settle("payout", "on_its_way", "paid" if self.chance.random() < 0.97 else "failed")

    def _settle(self, subject: str, before: str, after: str) -> None:
        """Let a random refund or payout in a state move on at the provider."""
        rows = getattr(self.provider.memory, f"{subject}s")
        external_id = self.provider.pick(f"{subject}s", before)
        if external_id is not None:
            getattr(self.provider, f"settle_{subject}")(external_id, after)
            row = rows[external_id]
            account = (
                row.account if subject == "payout" else self.provider.memory.payments[row.payment].account
            )
            self._tell(subject, external_id, account)

    def charge_back(self) -> None:
        if payment := self._pick(self.chance.choice([self.captured, self.released])):
            if payment.state != "captured" or not payment.external_id:
                return
            left = self.provider.left_of(payment.external_id)
            open_refunds = payment.refunds.filter(state__in=("requested", "pending", "waiting")).exists()
            if left > 0 and not open_refunds:
                amount = left if self.chance.random() < 0.8 else self.chance.randint(1, left)
                external_id = self.provider.charge_back(payment.external_id, amount)
                self._tell("chargeback", external_id, self._account(payment))

    def decide_chargeback(self) -> None:
        external_id = self.provider.pick(
            "chargebacks", *self.chance.sample(("open", "open", "won", "lost"), 4)
        )
        if external_id is None:
            return
        known = self.provider.memory.chargebacks[external_id]
        state = self.chance.choice([one for one in ("won", "lost") if one != known.state])
        if known.state == "won" and self.provider.left_of(known.payment) < known.amount:
            return
        self.provider.decide_chargeback(external_id, state)
        self._tell("chargeback", external_id, self.provider.memory.payments[known.payment].account)

    def release(self) -> None:
        if payment := self._take(self.captured):
            if payment.state == "captured":
                payouts.release(payment=payment)
                self.released.append(payment.pk)
            elif payment.state == "authorised":
                self.captured.append(payment.pk)

    def repeat_webhook(self) -> None:
        """Deliver an old message again, or another one about the same object."""
        if self.events:
            self._deliver(*self.chance.choice(self.events))

    def bill(self) -> None:
        """Bill a month's fees, one time in a hundred; else try again what was not paid."""
        if self.chance.random() < 0.01 and self.number == 0:
            self.months += 1
            billing.make_bills(date(2030 + self.months // 12, self.months % 12 + 1, 1))
        elif bill := FeeBill.objects.filter(state="open").first():
            billing.charge_bill(bill.pk)

    # --- Webhooks

    def _tell(self, subject: str, external_id: str, account: str) -> None:
        """Let the provider tell of a change: now, twice, late, or not at all."""
        event = (subject, external_id, account)
        chance = self.chance.random()
        if chance < 0.1:
            return
        if chance < 0.25:
            self.late_events.append(event)
            return
        for _ in range(2 if chance > 0.9 else 1):
            self._deliver(*event)
        self.events.append(event)
        if len(self.events) > 1000:
            self.events.pop(self.chance.randrange(1000))

    def _deliver(self, subject: str, external_id: str, account: str) -> None:
        number = uuid.uuid4() if self.chance.random() < 0.9 else uuid.uuid5(uuid.NAMESPACE_URL, external_id)
        body = {"id": f"evt_{number}", "subject": subject, "object": external_id, "account": account}
        webhooks.receive_webhook(
            provider_name="memory", body=json.dumps(body).encode(), headers={"Signature": SIGNATURE}
        )

    # --- Rows

    def _take(self, pool: list[uuid.UUID]) -> Payment | None:
        """Remove a random payment of a pool and return it; buy where there is none."""
        if not pool:
            self.buy_by_card()
            return None
        place = self.chance.randrange(len(pool))
        pool[place], pool[-1] = pool[-1], pool[place]
        return self._load(pool.pop())

    def _pick(self, pool: list[uuid.UUID]) -> Payment | None:
        return self._load(self.chance.choice(pool[-2000:])) if pool else None

    def _load(self, payment_id: uuid.UUID) -> Payment:
        row = one_row(Payment, self._sql, [payment_id])
        assert row is not None
        payment, columns = row
        payment.account = take_instance(SellerAccount, columns)[0] if payment.account_id else None
        return payment

    def _account(self, payment: Payment) -> str:
        return payment.account.external_id if payment.account else ""
