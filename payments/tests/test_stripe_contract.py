"""Stripe does what a card provider must do."""

import pytest

from payments.providers.base import PaymentState, Provider
from payments.providers.stripe import StripeProvider
from payments.testing.stripe_server import StripeServer
from payments.tests.provider_contract import ProviderContract, request_for

CARDS = {
    "success": "pm_card_visa",
    "challenge": "pm_card_authenticationRequired",
    "declined": "pm_card_chargeDeclined",
    "declined_later": "pm_card_chargeDeclined",
    "insufficient_funds": "pm_card_chargeDeclinedInsufficientFunds",
}


class StripeCounterpart:
    """People and banks at Stripe."""

    def __init__(self, server: StripeServer) -> None:
        self.provider: Provider = StripeProvider()
        self._controls = server.controls

    def complete_account(self, account: str) -> None:
        self._controls.complete_onboarding(account)

    def pay(self, payment: PaymentState, card: str) -> None:
        self._controls.pay(payment.external_id, CARDS[card])

    def pass_challenge(self, payment: PaymentState, *, is_passed: bool) -> None:
        self._controls.challenge(payment.external_id, is_passed)

    def save_card(self, setup: str, card: str) -> None:
        self._controls.enter_card(setup, CARDS[card])

    def fail_refund(self, refund: str, account: str) -> None:
        self._controls.fail_refund(refund)

    def open_chargeback(self, payment: str, account: str) -> str:
        return self._controls.charge_back(payment)

    def close_chargeback(self, chargeback: str, account: str, *, is_won: bool) -> None:
        self._controls.close_dispute(chargeback, is_won)

    def pay_out(self, payout: str, account: str) -> None:
        self._controls.pay_payout(payout)

    def return_payout(self, payout: str, account: str) -> None:
        self._controls.return_payout(payout)


@pytest.fixture
def counterpart(stripe_server):
    return StripeCounterpart(stripe_server)


class TestStripe(ProviderContract):
    """The contract that all providers keep."""

    @pytest.mark.parametrize(
        ("card", "code"), [("declined", "card_declined"), ("insufficient_funds", "insufficient_funds")]
    )
    def test_a_refused_card_says_why(self, counterpart, account, card, code):
        """Say why, and wait for another card: Stripe's form lets the payer try one in the same payment."""
        payment = counterpart.provider.create_payment(request_for(account))
        counterpart.pay(payment, card)
        refused = counterpart.provider.fetch_payment(payment.external_id, account)
        assert (refused.state, refused.failure_code) == ("requires_action", code)
        counterpart.pay(payment, "success")
        assert counterpart.provider.fetch_payment(payment.external_id, account).state == "authorised"
