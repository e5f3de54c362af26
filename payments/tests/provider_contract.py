"""What every card provider must do, tested through each adapter against the server it talks to.

A `Counterpart` does what the outer world does at the provider: payers pay, sellers complete their accounts,
banks return money.
"""

from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Protocol

import pytest

from payments.providers.base import PaymentRequest, PaymentState, Provider, ProviderRefused

CURRENCY = "AED"
_numbers = count(1)


class Counterpart(Protocol):
    """People and banks at the other side of a provider."""

    provider: Provider

    def complete_account(self, account: str) -> None:
        """Do as a seller who gives all that the provider asks for."""

    def pay(self, payment: PaymentState, card: str) -> None:
        """Do as a payer with a card: success, challenge, declined or insufficient_funds."""

    def pass_challenge(self, payment: PaymentState, *, is_passed: bool) -> None:
        """Do as a payer whose bank asks."""

    def save_card(self, setup: str, card: str) -> None:
        """Do as a person who saves a card: success or declined_later."""

    def fail_refund(self, refund: str, account: str) -> None: ...

    def open_chargeback(self, payment: str, account: str) -> str:
        """Do as a payer's bank, and return the provider's id of the chargeback."""

    def close_chargeback(self, chargeback: str, account: str, *, is_won: bool) -> None: ...

    def pay_out(self, payout: str, account: str) -> None:
        """Let a payout arrive."""

    def return_payout(self, payout: str, account: str) -> None: ...


def request_for(account: str, amount: int = 85_000, **overrides: object) -> PaymentRequest:
    number = next(_numbers)
    fields: dict[str, object] = {
        "key": f"payment:{number}:create",
        "amount": amount,
        "fee": amount // 20,
        "currency": CURRENCY,
        "description": "Nike Air Jordan 1",
        "reference": f"00000000-0000-4000-8000-{number:012}",
        "account": account,
    }
    return PaymentRequest(**(fields | overrides))  # type: ignore[arg-type]


class ProviderContract:
    """Tests for each provider: a subclass has the fixture `counterpart`."""

    @pytest.fixture
    def account(self, counterpart: Counterpart) -> str:
        """Return a seller's account that may be paid."""
        account = self.create_account(counterpart)
        counterpart.complete_account(account)
        return account

    def create_account(self, counterpart: Counterpart) -> str:
        number = next(_numbers)
        state = counterpart.provider.create_account(
            reference=f"seller-{number}",
            email=f"seller{number}@example.com",
            country="AE",
            key=f"account:{number}:create",
        )
        return state.external_id

    def authorised(self, counterpart: Counterpart, account: str, amount: int = 85_000) -> PaymentState:
        payment = counterpart.provider.create_payment(request_for(account, amount))
        counterpart.pay(payment, "success")
        return counterpart.provider.fetch_payment(payment.external_id, account)

    def captured(self, counterpart: Counterpart, account: str, amount: int = 85_000) -> PaymentState:
        payment = self.authorised(counterpart, account, amount)
        return counterpart.provider.capture_payment(
            payment.external_id, account, key=f"payment:{payment.reference}:capture"
        )

    # --- Accounts

    def test_an_account_may_be_paid_once_its_owner_has_met_the_requirements(
        self, counterpart: Counterpart
    ) -> None:
        account = self.create_account(counterpart)
        before = counterpart.provider.fetch_account(account)
        assert (before.charges_enabled, before.payouts_enabled) == (False, False)
        assert before.requirements

        url = counterpart.provider.onboarding_url(
            account, return_url="https://app.example/back", refresh_url="https://app.example/again"
        )
        assert url.startswith("http")
        counterpart.complete_account(account)

        after = counterpart.provider.fetch_account(account)
        assert (after.charges_enabled, after.payouts_enabled, after.requirements) == (True, True, [])

    def test_an_account_is_created_once_for_each_key(self, counterpart: Counterpart) -> None:
        number = next(_numbers)
        both = {
            counterpart.provider.create_account(
                reference=f"seller-{number}", email="x@example.com", country="AE", key=f"account:{number}"
            ).external_id
            for _ in range(2)
        }
        assert len(both) == 1

    # --- Payments

    def test_a_new_payment_waits_for_its_payer(self, counterpart: Counterpart, account: str) -> None:
        request = request_for(account)
        payment = counterpart.provider.create_payment(request)
        assert payment.state == "requires_action"
        assert payment.client_secret
        assert (payment.amount, payment.currency, payment.account) == (85_000, "AED", account)
        assert (payment.fee, payment.reference) == (4_250, request.reference)

    def test_a_payment_is_created_once_for_each_key(self, counterpart: Counterpart, account: str) -> None:
        request = request_for(account)
        first, second = (counterpart.provider.create_payment(request) for _ in range(2))
        assert first == second

    def test_a_key_is_refused_for_another_amount(self, counterpart: Counterpart, account: str) -> None:
        request = request_for(account)
        counterpart.provider.create_payment(request)
        with pytest.raises(ProviderRefused) as refused:
            counterpart.provider.create_payment(request_for(account, 90_000, key=request.key))
        assert refused.value.code == "idempotency_error"

    def test_a_paid_card_is_blocked_until_it_is_captured(
        self, counterpart: Counterpart, account: str
    ) -> None:
        payment = self.authorised(counterpart, account)
        assert payment.state == "authorised"
        assert counterpart.provider.available_balance(account, CURRENCY) == 0

        for _ in range(2):
            captured = counterpart.provider.capture_payment(payment.external_id, account, key="capture:1")
            assert (captured.state, captured.amount) == ("captured", 85_000)
        assert counterpart.provider.available_balance(account, CURRENCY) == 80_750

    def test_a_challenge_that_is_passed_authorises(self, counterpart: Counterpart, account: str) -> None:
        payment = counterpart.provider.create_payment(request_for(account))
        counterpart.pay(payment, "challenge")
        asked = counterpart.provider.fetch_payment(payment.external_id, account)
        assert asked.state == "requires_action"

        counterpart.pass_challenge(payment, is_passed=True)
        assert counterpart.provider.fetch_payment(payment.external_id, account).state == "authorised"

    @pytest.mark.parametrize(
        ("card", "code"), [("declined", "card_declined"), ("insufficient_funds", "insufficient_funds")]
    )
    def test_a_refused_card_says_why(
        self, counterpart: Counterpart, account: str, card: str, code: str
    ) -> None:
        payment = counterpart.provider.create_payment(request_for(account))
        counterpart.pay(payment, card)
        refused = counterpart.provider.fetch_payment(payment.external_id, account)
        assert refused.state in ("failed", "requires_action"), "the latter where another card may be tried"
        assert refused.failure_code == code

    def test_a_payment_is_cancelled_until_it_is_captured(
        self, counterpart: Counterpart, account: str
    ) -> None:
        waiting = counterpart.provider.create_payment(request_for(account))
        blocked = self.authorised(counterpart, account)
        for payment in (waiting, blocked):
            state = counterpart.provider.cancel_payment(
                payment.external_id, account, key=f"cancel:{payment.external_id}"
            )
            assert state.state == "cancelled"
        assert counterpart.provider.available_balance(account, CURRENCY) == 0

        captured = self.captured(counterpart, account)
        with pytest.raises(ProviderRefused):
            counterpart.provider.cancel_payment(captured.external_id, account, key="cancel:late")
        assert counterpart.provider.fetch_payment(captured.external_id, account).state == "captured"

    def test_a_payment_is_not_found_on_another_account(self, counterpart: Counterpart, account: str) -> None:
        payment = counterpart.provider.create_payment(request_for(account))
        other = self.create_account(counterpart)
        with pytest.raises(ProviderRefused):
            counterpart.provider.fetch_payment(payment.external_id, other)

    # --- Refunds and chargebacks

    def test_refunds_never_exceed_the_payment(self, counterpart: Counterpart, account: str) -> None:
        payment = self.captured(counterpart, account)

        def refund(amount: int, key: str) -> str:
            state = counterpart.provider.create_refund(
                payment.external_id, account, amount, fee=amount // 20, reference=key, key=key
            )
            assert (state.amount, state.payment, state.reference) == (amount, payment.external_id, key)
            assert state.state in ("pending", "succeeded")
            return state.external_id

        first = f"refund:{payment.reference}:1"
        assert refund(60_000, first) == refund(60_000, first)
        with pytest.raises(ProviderRefused):
            refund(25_001, f"refund:{payment.reference}:2")
        refund(25_000, f"refund:{payment.reference}:3")
        assert counterpart.provider.available_balance(account, CURRENCY) == 0

    def test_a_refund_can_fail_after_it_succeeded(self, counterpart: Counterpart, account: str) -> None:
        payment = self.captured(counterpart, account)
        refund = counterpart.provider.create_refund(
            payment.external_id, account, 85_000, fee=4_250, reference="r", key=f"r:{payment.reference}"
        )
        counterpart.fail_refund(refund.external_id, account)
        failed = counterpart.provider.fetch_refund(refund.external_id, account)
        assert failed.state == "failed"
        assert failed.failure_code

    @pytest.mark.parametrize(("is_won", "state"), [(True, "won"), (False, "lost")])
    def test_a_chargeback_takes_the_money_until_it_is_won(
        self, counterpart: Counterpart, account: str, is_won: bool, state: str
    ) -> None:
        payment = self.captured(counterpart, account)
        before = counterpart.provider.available_balance(account, CURRENCY)
        chargeback = counterpart.open_chargeback(payment.external_id, account)
        opened = counterpart.provider.fetch_chargeback(chargeback, account)
        assert (opened.state, opened.amount, opened.payment) == ("open", 85_000, payment.external_id)
        assert counterpart.provider.available_balance(account, CURRENCY) == before - 85_000

        counterpart.close_chargeback(chargeback, account, is_won=is_won)
        assert counterpart.provider.fetch_chargeback(chargeback, account).state == state
        after = counterpart.provider.available_balance(account, CURRENCY)
        assert after == (before if is_won else before - 85_000)

    # --- Payouts and transfers

    def test_a_payout_takes_from_the_balance_and_arrives(
        self, counterpart: Counterpart, account: str
    ) -> None:
        self.captured(counterpart, account)

        def pay_out() -> str:
            state = counterpart.provider.create_payout(
                account, 80_000, CURRENCY, reference="payout-1", key=f"payout:{account}"
            )
            assert (state.state, state.amount, state.account) == ("on_its_way", 80_000, account)
            assert state.reference == "payout-1"
            return state.external_id

        payout = pay_out()
        assert pay_out() == payout
        assert counterpart.provider.available_balance(account, CURRENCY) == 750
        counterpart.pay_out(payout, account)
        assert counterpart.provider.fetch_payout(payout, account).state == "paid"

    def test_a_payout_of_more_than_the_balance_is_refused(
        self, counterpart: Counterpart, account: str
    ) -> None:
        self.captured(counterpart, account)
        with pytest.raises(ProviderRefused) as refused:
            counterpart.provider.create_payout(account, 80_751, CURRENCY, reference="p", key=f"p:{account}")
        assert refused.value.code == "balance_insufficient"
        assert counterpart.provider.available_balance(account, CURRENCY) == 80_750

    @pytest.mark.parametrize("has_arrived", [False, True])
    def test_a_bank_can_return_a_payout(
        self, counterpart: Counterpart, account: str, has_arrived: bool
    ) -> None:
        self.captured(counterpart, account)
        payout = counterpart.provider.create_payout(
            account, 80_750, CURRENCY, reference="p", key=f"p:{account}"
        )
        if has_arrived:
            counterpart.pay_out(payout.external_id, account)
        counterpart.return_payout(payout.external_id, account)
        returned = counterpart.provider.fetch_payout(payout.external_id, account)
        assert returned.state == "failed"
        assert returned.failure_code
        assert counterpart.provider.available_balance(account, CURRENCY) == 80_750

    def test_a_transfer_sends_a_share_of_our_own_payment_once(
        self, counterpart: Counterpart, account: str
    ) -> None:
        provider = counterpart.provider
        payment = provider.create_payment(request_for("", fee=0))
        counterpart.pay(payment, "success")
        provider.capture_payment(payment.external_id, "", key=f"capture:{payment.reference}")
        both = [
            provider.create_transfer(
                payment.external_id,
                account,
                80_750,
                CURRENCY,
                reference="t",
                key=f"transfer:{payment.reference}",
            )
            for _ in range(2)
        ]
        assert both[0] == both[1]
        assert (both[0].state, both[0].amount, both[0].account) == ("succeeded", 80_750, account)
        assert provider.available_balance(account, CURRENCY) == 80_750

        taken_back = provider.reverse_transfer(
            both[0].external_id, 80_750, key=f"reversal:{payment.reference}"
        )
        assert taken_back.state == "reversed"
        assert provider.fetch_transfer(both[0].external_id).state == "reversed"
        assert provider.available_balance(account, CURRENCY) == 0

    # --- Saved cards

    def test_a_saved_card_is_charged_without_its_owner(self, counterpart: Counterpart) -> None:
        provider, number = counterpart.provider, next(_numbers)
        arguments = {"customer": "", "reference": f"user-{number}", "email": "x@example.com"}
        setup = provider.create_card_setup(**arguments, key=f"setup:{number}")
        assert setup.client_secret
        assert setup.card == ""
        assert provider.create_card_setup(**arguments, key=f"setup:{number}") == setup

        counterpart.save_card(setup.external_id, "success")
        saved = provider.fetch_card_setup(setup.external_id)
        assert saved.card
        assert (saved.customer, saved.brand, saved.last4) == (setup.customer, "visa", "4242")
        assert saved.expires_on is not None

        payment = provider.create_payment(
            request_for("", 4_250, fee=0, customer=saved.customer, card=saved.card)
        )
        assert (payment.state, payment.amount) == ("captured", 4_250)

    def test_a_saved_card_can_be_refused_later(self, counterpart: Counterpart) -> None:
        provider, number = counterpart.provider, next(_numbers)
        setup = provider.create_card_setup(
            customer="", reference=f"user-{number}", email="x@example.com", key=f"setup:{number}"
        )
        counterpart.save_card(setup.external_id, "declined_later")
        saved = provider.fetch_card_setup(setup.external_id)
        payment = provider.create_payment(
            request_for("", 4_250, fee=0, customer=saved.customer, card=saved.card)
        )
        assert payment.state == "failed"
        assert payment.failure_code

    def test_a_card_that_was_removed_is_charged_no_more(self, counterpart: Counterpart) -> None:
        provider, number = counterpart.provider, next(_numbers)
        setup = provider.create_card_setup(
            customer="", reference=f"user-{number}", email="x@example.com", key=f"setup:{number}"
        )
        counterpart.save_card(setup.external_id, "success")
        saved = provider.fetch_card_setup(setup.external_id)
        for key in ("remove", "remove", "remove again"):
            provider.remove_card(saved.customer, saved.card, key=f"{key}:{number}")
        request = request_for("", 4_250, fee=0, customer=saved.customer, card=saved.card)
        with suppress(ProviderRefused):  # or the payment is made, and has failed
            assert provider.create_payment(request).state == "failed"

    # --- Movements

    def test_movements_add_up_to_the_balance(self, counterpart: Counterpart, account: str) -> None:
        provider = counterpart.provider
        payment = self.captured(counterpart, account)
        provider.create_refund(
            payment.external_id, account, 10_000, fee=500, reference="r", key=f"r:{payment.reference}"
        )
        provider.create_payout(account, 50_000, CURRENCY, reference="p", key=f"p:{account}")

        now = datetime.now(UTC)
        found = list(provider.movements(account, now - timedelta(hours=1), now + timedelta(hours=1)))
        kinds = Counter(movement.kind for movement in found)
        assert (kinds["charge"], kinds["refund"], kinds["payout"]) == (1, 1, 1)
        [charge] = [movement for movement in found if movement.kind == "charge"]
        assert (charge.amount, charge.account, charge.currency) == (85_000, account, CURRENCY)
        total = sum(movement.amount - movement.fee for movement in found)
        assert total == provider.available_balance(account, CURRENCY)
        assert list(provider.movements(account, now + timedelta(hours=1), now + timedelta(hours=2))) == []
