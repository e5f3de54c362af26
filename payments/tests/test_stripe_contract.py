"""Stripe's adapter does what a card provider must do, over the server that answers as Stripe's does."""

import pytest

from payments.providers.base import PaymentState, Provider
from payments.providers.stripe import StripeProvider
from payments.testing.stripe_server import StripeServer
from payments.tests.provider_contract import ProviderContract

CARDS = {
    "success": "pm_card_visa",
    "challenge": "pm_card_authenticationRequired",
    "declined": "pm_card_chargeDeclined",
    "insufficient_funds": "pm_card_chargeDeclinedInsufficientFunds",
    "declined_later": "pm_card_authenticationRequired",
}


class StripeCounterpart:
    """People and banks at Stripe."""

    def __init__(self, server: StripeServer, provider: Provider) -> None:
        self.controls, self.provider = server.controls, provider

    def complete_account(self, account: str) -> None:
        self.controls.complete_onboarding(account)

    def pay(self, payment: PaymentState, card: str) -> None:
        self.controls.pay(payment.external_id, CARDS[card])

    def pass_challenge(self, payment: PaymentState, *, is_passed: bool) -> None:
        self.controls.challenge(payment.external_id, is_passed)

    def save_card(self, setup: str, card: str) -> None:
        self.controls.enter_card(setup, CARDS[card])

    def fail_refund(self, refund: str, account: str) -> None:
        self.controls.fail_refund(refund)

    def open_chargeback(self, payment: str, account: str) -> str:
        return self.controls.charge_back(payment)

    def close_chargeback(self, chargeback: str, account: str, *, is_won: bool) -> None:
        self.controls.close_dispute(chargeback, is_won)

    def pay_out(self, payout: str, account: str) -> None:
        self.controls.pay_payout(payout)

    def return_payout(self, payout: str, account: str) -> None:
        self.controls.return_payout(payout)


@pytest.fixture
def counterpart(stripe_server: StripeServer, stripe_provider: StripeProvider) -> StripeCounterpart:
    return StripeCounterpart(stripe_server, stripe_provider)


class TestStripe(ProviderContract):
    """The contract that all providers keep."""
