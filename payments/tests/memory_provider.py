"""A payment provider in memory, and the people and banks at its other side; with faults on demand."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from typing import Any

from django.db import connection

from payments import providers
from payments.providers.base import (
    AccountState,
    CardSetupState,
    ChargebackState,
    InvalidWebhook,
    Movement,
    PaymentRequest,
    PaymentState,
    PayoutState,
    ProviderEvent,
    ProviderRefused,
    ProviderUnavailable,
    RefundState,
    TransferState,
)

SIGNATURE = "right"


@dataclass
class Fault:
    """What the next call of a method meets: no answer, with or without an effect, or a refusal."""

    method: str
    error: Exception
    has_effect: bool = False


@dataclass
class Memory:
    """Everything that the provider remembers."""

    answers: dict[str, Any] = field(default_factory=dict)
    payments: dict[str, PaymentState] = field(default_factory=dict)
    refunds: dict[str, RefundState] = field(default_factory=dict)
    chargebacks: dict[str, ChargebackState] = field(default_factory=dict)
    payouts: dict[str, PayoutState] = field(default_factory=dict)
    transfers: dict[str, TransferState] = field(default_factory=dict)
    reversed: Counter[str] = field(default_factory=Counter)
    accounts: dict[str, AccountState] = field(default_factory=dict)
    setups: dict[str, CardSetupState] = field(default_factory=dict)
    balances: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    effects: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)
    movements: list[Movement] = field(default_factory=list)
    declined_cards: set[str] = field(default_factory=set)
    removed_cards: set[str] = field(default_factory=set)


class MemoryProvider:
    """The provider `memory` of tests; `reset` empties it."""

    name = "memory"

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        self.memory = Memory()
        self._numbers = count(1)
        self.transactions_open = len(connection.savepoint_ids)
        self.during: dict[str, Callable[[], None]] = {}
        """What else happens while a method is called, once: such as a webhook before the answer."""

    # --- What tests do at the other side

    def fail(self, method: str, error: Exception | None = None, *, has_effect: bool = False) -> None:
        """Let the next call of a method fail, by default without an answer."""
        self.memory.faults.append(Fault(method, error or ProviderUnavailable("no answer"), has_effect))

    def pay(self, external_id: str) -> None:
        """Enter a card that succeeds: the amount is blocked."""
        self._set_payment(external_id, state="authorised")

    def decline(self, external_id: str, code: str = "card_declined") -> None:
        self._set_payment(external_id, state="failed", failure_code=code)

    def change_payment(self, external_id: str, **changes: Any) -> None:
        self._set_payment(external_id, **changes)

    def settle_refund(self, external_id: str, state: str, code: str = "") -> None:
        refunds = self.memory.refunds
        refunds[external_id] = replace(refunds[external_id], state=state, failure_code=code)

    def settle_payout(self, external_id: str, state: str, code: str = "") -> None:
        payouts = self.memory.payouts
        payouts[external_id] = replace(payouts[external_id], state=state, failure_code=code)

    def charge_back(self, payment: str, amount: int, state: str = "open") -> str:
        return self._new(
            "chargebacks", lambda pk: ChargebackState(pk, payment, state, amount, "AED", "fraudulent")
        ).external_id

    def decide_chargeback(self, external_id: str, state: str) -> None:
        chargebacks = self.memory.chargebacks
        chargebacks[external_id] = replace(chargebacks[external_id], state=state)

    def refund_by_hand(self, payment: str, amount: int) -> str:
        return self._new(
            "refunds", lambda pk: RefundState(pk, "succeeded", amount, "AED", payment)
        ).external_id

    def left_of(self, payment: str) -> int:
        """Return what neither went back to the payer of a captured payment nor was taken by a bank."""
        refunded = sum(
            refund.amount
            for refund in self.memory.refunds.values()
            if refund.payment == payment and refund.state != "failed"
        )
        taken = sum(
            chargeback.amount
            for chargeback in self.memory.chargebacks.values()
            if chargeback.payment == payment and chargeback.state != "won"
        )
        return self.memory.payments[payment].amount - refunded - taken

    # --- The interface

    def create_payment(self, request: PaymentRequest) -> PaymentState:
        def create() -> PaymentState:
            if request.card in self.memory.removed_cards:
                raise ProviderRefused("resource_missing")
            if request.card in self.memory.declined_cards and request.card:
                raise ProviderRefused("card_declined")
            return self._new(
                "payments",
                lambda pk: PaymentState(
                    external_id=pk,
                    state="captured" if request.card else "requires_action",
                    amount=request.amount,
                    currency=request.currency,
                    account=request.account,
                    client_secret="" if request.card else f"{pk}_secret",
                    fee=None if request.is_separate else request.fee,
                    reference=request.reference,
                ),
            )

        return self._call("create_payment", create, request.key)

    def fetch_payment(self, external_id: str, account: str) -> PaymentState:
        return self._call("fetch_payment", lambda: self._known("payments", external_id, account))

    def capture_payment(self, external_id: str, account: str, *, key: str) -> PaymentState:
        def capture() -> PaymentState:
            payment = self._known("payments", external_id, account)
            if payment.state != "authorised":
                raise ProviderRefused("unexpected_state")
            self.memory.balances[account] += payment.amount - (payment.fee or 0)
            return self._set_payment(external_id, state="captured")

        return self._call("capture_payment", capture, key)

    def cancel_payment(self, external_id: str, account: str, *, key: str) -> PaymentState:
        def cancel() -> PaymentState:
            payment = self._known("payments", external_id, account)
            if payment.state == "captured":
                raise ProviderRefused("unexpected_state")
            return self._set_payment(external_id, state="cancelled")

        return self._call("cancel_payment", cancel, key)

    def create_refund(
        self, payment: str, account: str, amount: int, *, fee: int, reference: str, key: str
    ) -> RefundState:
        def create() -> RefundState:
            known = self._known("payments", payment, account)
            if amount > self.left_of(payment):
                raise ProviderRefused("charge_already_refunded")
            self.memory.balances[account] -= amount - fee
            return self._new(
                "refunds",
                lambda pk: RefundState(pk, "pending", amount, known.currency, payment, reference=reference),
            )

        return self._call("create_refund", create, key)

    def fetch_refund(self, external_id: str, account: str) -> RefundState:
        return self._call("fetch_refund", lambda: self._known("refunds", external_id))

    def fetch_chargeback(self, external_id: str, account: str) -> ChargebackState:
        return self._call("fetch_chargeback", lambda: self._known("chargebacks", external_id))

    def available_balance(self, account: str, currency: str) -> int:
        return self._call("available_balance", lambda: self.memory.balances[account])

    def create_payout(
        self, account: str, amount: int, currency: str, *, reference: str, key: str
    ) -> PayoutState:
        def create() -> PayoutState:
            if amount > self.memory.balances[account]:
                raise ProviderRefused("balance_insufficient")
            self.memory.balances[account] -= amount
            return self._new(
                "payouts",
                lambda pk: PayoutState(pk, "on_its_way", amount, currency, account, reference=reference),
            )

        return self._call("create_payout", create, key)

    def fetch_payout(self, external_id: str, account: str) -> PayoutState:
        return self._call("fetch_payout", lambda: self._known("payouts", external_id))

    def create_transfer(
        self, payment: str, account: str, amount: int, currency: str, *, reference: str, key: str
    ) -> TransferState:
        def create() -> TransferState:
            self.memory.balances[account] += amount
            return self._new(
                "transfers",
                lambda pk: TransferState(pk, "succeeded", amount, currency, account, reference),
            )

        return self._call("create_transfer", create, key)

    def reverse_transfer(self, external_id: str, amount: int, *, key: str) -> TransferState:
        def reverse() -> TransferState:
            transfer = self._known("transfers", external_id)
            self.memory.reversed[external_id] += amount
            self.memory.balances[transfer.account] -= amount
            is_whole = self.memory.reversed[external_id] == transfer.amount
            changed = replace(transfer, state="reversed" if is_whole else "succeeded")
            self.memory.transfers[external_id] = changed
            return changed

        return self._call("reverse_transfer", reverse, key)

    def fetch_transfer(self, external_id: str) -> TransferState:
        return self._call("fetch_transfer", lambda: self._known("transfers", external_id))

    def create_account(self, *, reference: str, email: str, country: str, key: str) -> AccountState:
        return self._call(
            "create_account",
            lambda: self._new("accounts", lambda pk: AccountState(pk, False, False, ["id_number"])),
            key,
        )

    def fetch_account(self, external_id: str) -> AccountState:
        return self._call("fetch_account", lambda: self._known("accounts", external_id))

    def onboarding_url(self, account: str, *, return_url: str, refresh_url: str) -> str:
        return f"https://provider.example/{account}"

    def create_card_setup(self, *, customer: str, reference: str, email: str, key: str) -> CardSetupState:
        return self._call(
            "create_card_setup",
            lambda: self._new(
                "setups", lambda pk: CardSetupState(pk, customer or f"cus_{pk}", f"{pk}_secret")
            ),
            key,
        )

    def fetch_card_setup(self, external_id: str) -> CardSetupState:
        return self._call("fetch_card_setup", lambda: self._known("setups", external_id))

    def remove_card(self, customer: str, card: str, *, key: str) -> None:
        self._call("remove_card", lambda: self.memory.removed_cards.add(card), key)

    def read_webhook(self, body: bytes, headers: Mapping[str, str]) -> ProviderEvent:
        if headers.get("Signature") != SIGNATURE:
            raise InvalidWebhook("signature")
        try:
            event = json.loads(body)
            return ProviderEvent(
                event_id=event["id"],
                kind=f"{event['subject']}.changed",
                subject=event["subject"],
                object_id=event["object"],
                account=event.get("account", ""),
                body=event,
            )
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidWebhook("body") from error

    def movements(self, account: str, since: datetime, until: datetime) -> Iterator[Movement]:
        """Return the movements that tests wrote into `memory.movements`."""
        self._call("movements", lambda: None)
        return (
            movement
            for movement in self.memory.movements
            if movement.account == account and since <= movement.created_at < until
        )

    def client_settings(self, account: str = "") -> dict[str, str]:
        return {"publishable_key": "pk_memory"}

    # --- How calls are answered

    def _call(self, method: str, act: Callable[[], Any], key: str = "") -> Any:
        """Answer a call; one with a key has one effect, and every repetition the same answer."""
        # A transaction that is open meanwhile would keep rows locked for as long as a provider takes.
        assert len(connection.savepoint_ids) <= self.transactions_open or threading.current_thread() is not (
            threading.main_thread()
        ), f"{method} is called inside a transaction"
        with self._lock:
            self.memory.calls[method] += 1
            fault = next((fault for fault in self.memory.faults if fault.method == method), None)
            if fault is not None:
                self.memory.faults.remove(fault)
                if fault.has_effect:
                    self._answer(method, act, key)
                raise fault.error
            answer = self._answer(method, act, key)
        if happening := self.during.pop(method, None):
            happening()
        return answer

    def _answer(self, method: str, act: Callable[[], Any], key: str) -> Any:
        if not key:
            return act()
        if key not in self.memory.answers:
            self.memory.effects[method] += 1
            try:
                self.memory.answers[key] = act()
            except ProviderRefused as refusal:
                self.memory.answers[key] = refusal
        answer = self.memory.answers[key]
        if isinstance(answer, ProviderRefused):
            raise answer
        return answer

    def _new(self, kind: str, make: Callable[[str], Any]) -> Any:
        made = make(f"{kind[:2]}_{next(self._numbers)}")
        getattr(self.memory, kind)[made.external_id] = made
        return made

    def _known(self, kind: str, external_id: str, account: str | None = None) -> Any:
        found = getattr(self.memory, kind).get(external_id)
        if found is None or (account and found.account != account):
            raise ProviderRefused("resource_missing")
        return found

    def _set_payment(self, external_id: str, **changes: Any) -> PaymentState:
        changed = replace(self.memory.payments[external_id], **changes)
        self.memory.payments[external_id] = changed
        return changed


def use_memory_provider(settings: Any) -> MemoryProvider:
    """Let cards be paid through an empty provider in memory, and return it."""
    settings.PAYMENT_PROVIDERS = {
        **settings.PAYMENT_PROVIDERS,
        "memory": "payments.tests.memory_provider.MemoryProvider",
    }
    settings.CARD_PROVIDER = "memory"
    found = memory_provider()
    found.reset()
    return found


def memory_provider() -> MemoryProvider:
    """Return the one provider in memory of this process."""
    found = providers.provider("memory")
    assert isinstance(found, MemoryProvider)
    return found
