"""Random sequences of what people, cards and banks do, with the money checked after each step.

Messages of the provider are lost, or arrive twice, late or in another order; its answers are lost, too.
"""

import json
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.test import override_settings
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.tests.factories import make_seller, make_staff, make_user
from listings.tests.factories import make_product
from offers.models import Offer
from offers.services.negotiation import accept_offer, create_offer
from offers.services.sales import cancel_transaction, expire_due_sales
from orders.codes import plain_code
from orders.models import Dispute, Order
from orders.services import buying, closing, disputes, shipping
from orders.services.hand_over import check_code, hand_over
from orders.tests.address_factories import make_address
from payments.models import EntryLine, Payment, Payout, Refund, SavedCard
from payments.providers.base import Movement, ProviderRefused
from payments.services import billing, ledger, payouts, polling, refunds, webhooks
from payments.services.reconciliation import reconcile_day
from payments.tests.factories import make_account
from payments.tests.memory_provider import SIGNATURE, MemoryProvider, memory_provider, use_memory_provider
from soukloop.core.errors import Conflict, Forbidden, NotFound, Unavailable, ValidationFailed
from soukloop.tests.examples import examples
from soukloop.tests.money_invariants import assert_money_is_right, assert_nobody_is_charged_for_nothing

NOON = datetime(2025, 10, 18, 12, tzinfo=UTC)
PRICES = ("850", "333.33", "1999.99", "20.05", "99.99")
INDEX = st.integers(0, 50)
METHODS = st.sampled_from(["card meet_up", "card shipping", "card meet_up", "in_person meet_up"])
SIDES = st.sampled_from(["buyer", "seller"])
SHARES = st.sampled_from([1, 10, 33, 50, 99, 100])  # in per cent of what is left
FAILING = [
    "create_payment",
    "capture_payment",
    "cancel_payment",
    "create_refund",
    "create_payout",
    "create_transfer",
    "reverse_transfer",
    "fetch_payment",
    "fetch_refund",
]
Message = tuple[str, str, str, str]


class Market(RuleBasedStateMachine):
    """Two sellers who are paid by card and one who is not, three buyers, two of the staff, and a clock."""

    memory: MemoryProvider

    @initialize(
        is_separate=st.booleans(),
        begun=st.lists(st.tuples(METHODS, st.integers(0, 4)), min_size=2, max_size=5),
    )
    def open_market(self, is_separate: bool, begun: list[tuple[str, int]]) -> None:
        self.stack = ExitStack()
        self.stack.enter_context(transaction.atomic())
        self.stack.callback(transaction.set_rollback, True)
        charges = "separate" if is_separate else "direct"
        self.stack.enter_context(override_settings(STRIPE_CHARGES=charges))
        self.memory = memory_provider()
        self.memory.reset()
        self.now = NOON
        self.numbers = count(1)
        self.messages: list[Message] = []
        self.lost: list[Message] = []
        self.staff = [make_staff() for _ in range(2)]
        self.buyers = [make_user(phone=f"+97150123450{number}") for number in range(3)]
        self.addresses = [make_address(buyer) for buyer in self.buyers]
        self.sellers = [make_seller() for _ in range(3)]
        for seller in self.sellers[:2]:
            make_account(seller, provider="memory")
        SavedCard.objects.create(
            user=self.sellers[2],
            provider="memory",
            external_id="pm_saved",
            external_customer_id="cus_1",
            created_at=NOON,
            saved_at=NOON,
        )
        with time_machine.travel(self.now):
            self.products = [
                make_product(seller=self.sellers[number % 3], price=price)
                for number, price in enumerate(PRICES)
            ]
        for number, (how, steps) in enumerate(begun):
            self.buy(number, number, how)
            self.go_on(0, steps)

    def teardown(self) -> None:
        if not hasattr(self, "products"):
            return
        with self.stack:
            self.settle()
            self.compare_with_the_provider()

    # --- What people do

    @rule(who=INDEX, what=INDEX, how=METHODS)
    def buy(self, who: int, what: int, how: str) -> None:
        self.order(who % 3, how, product_id=self.products[what % len(self.products)].pk)

    @rule(
        who=INDEX,
        what=INDEX,
        how=METHODS,
        price=st.sampled_from(["15.15", "333.33"]),
        is_ordered=st.booleans(),
    )
    def agree_on_a_price(self, who: int, what: int, how: str, price: str, is_ordered: bool) -> None:
        product = self.products[what % len(self.products)]
        made = self.attempt(
            create_offer, actor=self.buyers[who % 3], product_id=product.pk, offered_price=Decimal(price)
        )
        if made is not None:
            self.attempt(accept_offer, actor=product.seller, offer_id=made.pk)
        if is_ordered:
            self.order_agreed(who, how)

    @rule(who=INDEX, how=METHODS)
    def order_agreed(self, who: int, how: str) -> None:
        agreed = Offer.objects.filter(status="accepted", is_purchase=False).order_by("created_at")
        if agreed:
            offer = agreed[who % len(agreed)]
            self.order(self.buyers.index(offer.buyer), how, offer_id=offer.pk)

    @rule(which=INDEX, steps=st.integers(1, 6))
    def go_on(self, which: int, steps: int) -> None:
        """Take an order some steps of its usual way, with nothing lost."""
        order = self.any_order(which)
        for _ in range(steps if order else 0):
            self.run_all()
            assert order is not None
            order.refresh_from_db()
            match order.state:
                case "pending_payment":
                    self.enter_card(order, "pay")
                case "paid" if order.delivery == "shipping":
                    self.ship(which, "A1B2C3D4E5")
                case "paid" | "authorised":
                    self.hand_over(which, is_right=True)
                case "handed_over" | "shipped" | "delivered":
                    self.attempt(closing.confirm_order, actor=order.buyer, order_id=order.pk)
                case "completed":
                    self.settle_payout(which, "paid")

    @rule(which=INDEX, side=SIDES, by_sale=st.booleans())
    def cancel(self, which: int, side: str, by_sale: bool) -> None:
        if order := self.any_order(which):
            actor = getattr(order, side)
            if by_sale:
                self.attempt(cancel_transaction, actor=actor, transaction_id=order.transaction_id)
            else:
                self.attempt(closing.cancel_order, actor=actor, order_id=order.pk)

    @rule(which=INDEX, method=st.sampled_from([None, "card", "in_person"]))
    def pay_again(self, which: int, method: str | None) -> None:
        if order := self.any_order(which):
            self.attempt(buying.pay_again, actor=order.buyer, order_id=order.pk, payment_method=method)

    @rule(which=INDEX, is_right=st.booleans())
    def hand_over(self, which: int, is_right: bool) -> None:
        order = self.any_order(which)
        if order is None:
            return
        code = plain_code(order.hand_over_code) if order.hand_over_code else "000000"
        if not is_right:
            code = f"{(int(code) + 1) % 10**6:06d}"
        arguments = {"actor": order.seller, "order_id": order.pk, "code": code}
        self.attempt(check_code, **arguments)
        done = self.attempt(hand_over, **arguments)
        assert is_right or done is None

    @rule(which=INDEX, number=st.sampled_from(["A1B2C3D4E5", "Z9Y8X7W6V5"]))
    def ship(self, which: int, number: str) -> None:
        if order := self.any_order(which):
            arguments = {"order_id": order.pk, "carrier": "other", "tracking_number": number}
            self.attempt(shipping.ship_order, actor=order.seller, **arguments)

    @rule(which=INDEX)
    def confirm(self, which: int) -> None:
        if order := self.any_order(which):
            self.attempt(closing.confirm_order, actor=order.buyer, order_id=order.pk)

    @rule(which=INDEX)
    def dispute(self, which: int) -> None:
        if order := self.any_order(which):
            arguments = {"order_id": order.pk, "reason": Dispute.Reason.DAMAGED, "text": "Torn"}
            self.attempt(disputes.open_dispute, actor=order.buyer, **arguments)

    @rule(which=INDEX, how=st.sampled_from(["evidence", "withdraw", "accept"]))
    def answer_dispute(self, which: int, how: str) -> None:
        if dispute := self.pick(Dispute, which):
            buyer, seller = dispute.order.buyer, dispute.order.seller
            arguments = {"dispute_id": dispute.pk}
            if how == "evidence":
                self.attempt(disputes.add_evidence, actor=seller, text="It was whole", **arguments)
            elif how == "withdraw":
                self.attempt(disputes.withdraw_dispute, actor=buyer, **arguments)
            else:
                self.attempt(disputes.accept_dispute, actor=seller, **arguments)

    @rule(
        which=INDEX,
        decision=st.sampled_from(Dispute.Decision.values),
        amount=st.sampled_from(["0.01", "9.99"]),
    )
    def decide_dispute(self, which: int, decision: str, amount: str) -> None:
        if dispute := self.pick(Dispute, which):
            self.attempt(
                disputes.decide_dispute,
                actor=self.staff[which % 2],
                dispute_id=dispute.pk,
                decision=decision,
                explanation="The pictures show it",
                refund_amount=Decimal(amount) if decision == Dispute.Decision.PARTIAL_REFUND else None,
            )

    @rule(which=INDEX, share=SHARES)
    def refund_by_staff(self, which: int, share: int) -> None:
        payment = self.pick(Payment, which, state="captured", kind="sale")
        if payment is not None:
            fils = max(1, (payment.amount - payment.refunded) * share // 100)
            self.attempt(
                refunds.request_refund,
                payment=payment,
                amount=Decimal(fils).scaleb(-2),
                reason=Refund.Reason.GOODWILL,
                requested_by=self.staff[which % 2],
            )

    @rule(who=INDEX, which=INDEX, how=st.sampled_from(["approve", "approve", "reject", "retry"]))
    def treat_refund(self, who: int, which: int, how: str) -> None:
        state = "failed" if how == "retry" else "waiting"
        if refund := self.pick(Refund, which, state=state):
            arguments: dict[str, Any] = {"actor": self.staff[who % 2], "refund_id": refund.pk}
            if how == "approve":
                self.attempt(refunds.approve_refund, **arguments)
            elif how == "reject":
                self.attempt(refunds.reject_refund, reason="Too much", **arguments)
            else:
                self.attempt(refunds.retry_refund, **arguments)

    @rule(which=INDEX)
    def retry_payout(self, which: int) -> None:
        if payout := self.pick(Payout, which, state="failed"):
            self.attempt(payouts.retry_payout, actor=self.staff[0], payout_id=payout.pk)

    # --- What cards and banks do, at the provider

    @rule(which=INDEX, how=st.sampled_from(["pay", "pay", "decline", "challenge"]))
    def enter_a_card(self, which: int, how: str) -> None:
        if order := self.any_order(which):
            self.enter_card(order, how)

    @rule(which=INDEX)
    def let_authorisation_end(self, which: int) -> None:
        if payment := self.theirs("payments", which, "authorised"):
            self.memory.change_payment(payment.external_id, state="failed", failure_code="expired")
            self.tell("payment", payment.external_id)

    @rule(which=INDEX, state=st.sampled_from(["succeeded", "succeeded", "failed"]))
    def settle_refund(self, which: int, state: str) -> None:
        """Let a refund arrive, or fail; it can fail after it has arrived."""
        refund = self.theirs("refunds", which, "pending", *(["succeeded"] if state == "failed" else []))
        if refund is None:
            return
        if state == "failed":
            self.memory.memory.balances[self.charged(refund.payment)] += refund.amount
        self.memory.settle_refund(refund.external_id, state, "closed" if state == "failed" else "")
        self.tell("refund", refund.external_id)

    @rule(which=INDEX, state=st.sampled_from(["paid", "paid", "failed"]))
    def settle_payout(self, which: int, state: str) -> None:
        """Let a payout arrive at the bank, or be returned, even after it has arrived."""
        payout = self.theirs("payouts", which, "on_its_way", *(["paid"] if state == "failed" else []))
        if payout is None:
            return
        if state == "failed":
            self.memory.memory.balances[payout.account] += payout.amount
        self.memory.settle_payout(payout.external_id, state, "no_account" if state == "failed" else "")
        self.tell("payout", payout.external_id)

    @rule(which=INDEX, share=SHARES)
    def charge_back(self, which: int, share: int) -> None:
        payment = self.theirs("payments", which, "captured")
        if payment is None or not payment.client_secret:
            return
        amount = self.memory.left_of(payment.external_id) * share // 100
        if amount > 0:
            self.memory.memory.balances[self.charged(payment.external_id)] -= amount
            self.tell("chargeback", self.memory.charge_back(payment.external_id, amount))

    @rule(which=INDEX, state=st.sampled_from(["won", "lost"]))
    def decide_chargeback(self, which: int, state: str) -> None:
        chargeback = self.theirs("chargebacks", which, "open", "lost" if state == "won" else "won")
        if chargeback is None:
            return
        account = self.charged(chargeback.payment)
        if state == "won":
            self.memory.memory.balances[account] += chargeback.amount
        elif chargeback.state == "won":
            if self.memory.left_of(chargeback.payment) < chargeback.amount:
                return
            self.memory.memory.balances[account] -= chargeback.amount
        self.memory.decide_chargeback(chargeback.external_id, state)
        self.tell("chargeback", chargeback.external_id)

    @rule(
        method=st.sampled_from(FAILING),
        how=st.sampled_from(["silent", "answer lost", "refused"]),
    )
    def fail_next_call(self, method: str, how: str) -> None:
        if how == "refused" and not method.startswith(("fetch", "reverse", "cancel")):
            self.memory.fail(method, ProviderRefused("refused"))
        elif how != "refused":
            self.memory.fail(method, has_effect=how == "answer lost")

    # --- How messages and jobs run

    @rule(which=INDEX, times=st.sampled_from([0, 1, 1, 2, 3]))
    def deliver(self, which: int, times: int) -> None:
        """Deliver any of the messages so far, never, once, or several times."""
        if not self.messages:
            return
        message = self.messages.pop(which % len(self.messages))
        if not times:
            self.lost.append(message)
        for _ in range(times):
            self.receive(message)

    @rule(which=INDEX)
    def run_one_job(self, which: int) -> None:
        jobs = self.jobs()
        if jobs:
            self.run(jobs[which % len(jobs)])

    @rule()
    def run_all(self) -> None:
        """Run all jobs and deliver all messages, once each."""
        for _ in range(20):
            jobs, messages, self.messages = self.jobs(), self.messages, []
            for job in jobs:
                self.run(job)
            for message in messages:
                self.receive(message)
            if not jobs and not messages:
                assert_nobody_is_charged_for_nothing()
                return

    @rule(minutes=st.sampled_from([5, 16, 60, 24 * 60, 3 * 24 * 60, 8 * 24 * 60]), job=INDEX)
    def wait(self, minutes: int, job: int) -> None:
        self.now += timedelta(minutes=minutes)
        for act in (
            buying.expire_due_orders,
            expire_due_sales,
            closing.complete_due_orders,
            closing.cancel_unsent_orders,
            closing.ask_about_meetings,
            shipping.assume_delivered,
            polling.poll_unsettled,
            payouts.pay_out_waiting,
            billing.enqueue_due_charges,
        ):
            if job % 5:  # else time has passed, and no job has run yet
                self.attempt(act)

    @rule(is_declined=st.booleans())
    def bill_fees(self, is_declined: bool) -> None:
        """Bill each seller's debt at a month's end."""
        self.memory.memory.declined_cards = {"pm_saved"} if is_declined else set()
        self.now += timedelta(days=31)
        self.attempt(billing.make_bills_of_last_month)

    @invariant()
    def money_is_right(self) -> None:
        if hasattr(self, "products"):
            assert_money_is_right()

    # --- The end of each run

    def settle(self) -> None:
        """Let banks finish, deliver what was lost, and ask about the rest, until nothing changes any more."""
        self.memory.memory.faults.clear()
        self.memory.memory.declined_cards.clear()
        self.messages += [message for message in self.lost if message[0] == "chargeback"]
        random.Random(len(self.messages)).shuffle(self.messages)
        for _ in range(4):
            self.run_all()
            while self.theirs("refunds", 0, "pending"):
                self.settle_refund(0, "succeeded")
            while self.theirs("payouts", 0, "on_its_way"):
                self.settle_payout(0, "paid")
            self.now += timedelta(days=1, hours=1)
            self.attempt(polling.poll_unsettled)
        self.run_all()
        assert not self.jobs()
        assert_money_is_right()
        assert_nobody_is_charged_for_nothing()

    def compare_with_the_provider(self) -> None:
        """Compare rows and ledger with the provider's own list, as each night, to the fils."""
        self.memory.memory.movements = list(self.movements())
        day: date = self.now.date()
        self.now += timedelta(hours=20)
        run = self.attempt(reconcile_day, provider_name="memory", day=day)
        assert run.differences == 0
        held = sum(movement.amount - movement.fee for movement in self.memory.memory.movements)
        assert ledger.balance(EntryLine.Account.PROVIDER_CLEARING) == held
        for payment in self.memory.memory.payments.values():
            if payment.state == "authorised":  # the card is blocked: an order waits for it
                ours = Payment.objects.get(pk=payment.reference)
                assert Order.objects.get(pk=ours.reference).state == Order.State.AUTHORISED
        assert_money_is_right()

    def movements(self) -> Iterator[Movement]:
        """Yield what the provider moved, all on the last day, with 2.9 % of each charge kept."""

        def moved(kind: str, source: str, amount: int, account: str, fee: int = 0) -> Movement:
            number = next(self.numbers)
            return Movement(f"txn_{number}", kind, amount, fee, "AED", source, account, self.now)

        memory = self.memory.memory
        for payment in memory.payments.values():
            if payment.state == "captured":
                fee = payment.amount * 29 // 1000
                account = self.charged(payment.external_id)
                yield moved("charge", payment.external_id, payment.amount, account, fee)
        for refund in memory.refunds.values():
            account = self.charged(refund.payment)
            yield moved("refund", refund.external_id, -refund.amount, account)
            if refund.state == "failed":
                yield moved("refund_failed", refund.external_id, refund.amount, account)
        for chargeback in memory.chargebacks.values():
            account = self.charged(chargeback.payment)
            yield moved("chargeback", chargeback.external_id, -chargeback.amount, account)
            if chargeback.state == "won":
                yield moved("chargeback_won", chargeback.external_id, chargeback.amount, account)
        for payout in memory.payouts.values():
            yield moved("payout", payout.external_id, -payout.amount, payout.account)
            if payout.state == "failed":
                yield moved("payout_failed", payout.external_id, payout.amount, payout.account)

    # --- How the steps are made

    def attempt(self, service: Callable[..., Any], **arguments: Any) -> Any:
        """Call a service at the market's time; return None if it refuses."""
        self.now += timedelta(seconds=1)
        with time_machine.travel(self.now):
            try:
                return service(**arguments)
            except (Forbidden, NotFound, Conflict, ValidationFailed):
                return None

    def order(self, who: int, how: str, **what: Any) -> None:
        payment_method, delivery = how.split()
        self.attempt(
            buying.place_order,
            actor=self.buyers[who],
            payment_method=payment_method,
            delivery=delivery,
            address_id=self.addresses[who].pk if delivery == "shipping" else None,
            **what,
        )

    def enter_card(self, order: Order, how: str) -> None:
        payment = Payment.objects.filter(reference=order.pk).order_by("created_at").last()
        theirs = self.memory.memory.payments.get(payment.external_id) if payment else None
        if theirs is None or theirs.state != "requires_action":
            return
        if how == "pay":
            self.memory.pay(theirs.external_id)
        elif how == "decline":
            self.memory.decline(theirs.external_id)
        self.tell("payment", theirs.external_id)

    def any_order(self, which: int) -> Order | None:
        return self.pick(Order, which)

    def pick(self, model: Any, which: int, **fields: Any) -> Any:
        """Return one of the rows with these fields, the newest for 0."""
        rows = list(model.objects.filter(**fields).order_by("-created_at"))
        return rows[which % len(rows)] if rows else None

    def theirs(self, kind: str, which: int, *states: str) -> Any:
        """Return one of the provider's objects in one of these states, the newest for 0."""
        found = [row for row in getattr(self.memory.memory, kind).values() if row.state in states]
        return found[-1 - which % len(found)] if found else None

    def charged(self, payment: str) -> str:
        """Return the account that a payment of the provider is on; empty for ours."""
        known = self.memory.memory.payments[payment]
        return known.account if known.fee is not None else ""

    def tell(self, subject: str, external_id: str) -> None:
        memory = self.memory.memory
        account = ""
        if subject == "payout":
            account = memory.payouts[external_id].account
        elif subject == "payment":
            account = self.charged(external_id)
        elif subject == "refund":
            account = self.charged(memory.refunds[external_id].payment)
        elif subject == "chargeback":
            account = self.charged(memory.chargebacks[external_id].payment)
        self.messages.append((subject, external_id, account, f"evt_{next(self.numbers)}"))

    def receive(self, message: Message) -> None:
        subject, external_id, account, event_id = message
        body = {"id": event_id, "subject": subject, "object": external_id, "account": account}
        self.attempt(
            webhooks.receive_webhook,
            provider_name="memory",
            body=json.dumps(body).encode(),
            headers={"Signature": SIGNATURE},
        )

    def jobs(self) -> list[ProcrastinateJob]:
        """Return the jobs about money that can run now: of those with one lock, the first."""
        waiting = ProcrastinateJob.objects.filter(status="todo", task_name__startswith="payments.")
        first: dict[Any, ProcrastinateJob] = {}
        for job in waiting.order_by("pk"):
            first.setdefault(job.lock or job.pk, job)
        return list(first.values())

    def run(self, job: ProcrastinateJob) -> None:
        """Run a job; one that fails because the provider was silent waits again."""
        self.now += timedelta(seconds=1)
        _set_status(job, "doing")
        try:
            with time_machine.travel(self.now):
                app.tasks[job.task_name].func(**job.args)
        except Unavailable:
            _set_status(job, "todo")
        else:
            _set_status(job, "succeeded")


def _set_status(job: ProcrastinateJob, status: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = %s WHERE id = %s", [status, job.pk])


@pytest.fixture
def memory_for_cards(settings: Any, db: None) -> MemoryProvider:
    return use_memory_provider(settings)


@pytest.mark.usefixtures("memory_for_cards")
def test_no_sequence_of_events_loses_or_invents_a_fils() -> None:
    run_state_machine_as_test(
        Market,
        settings=settings(
            max_examples=examples(4),
            stateful_step_count=30,
            phases=[Phase.explicit, Phase.generate],  # no shrinking: it takes minutes
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
