"""Stripe as a payment provider: what each method does is in the module of its noun."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from django.conf import settings

from payments.providers import base
from payments.providers.stripe import accounts, movements, payments, payouts, refunds, webhooks


class StripeProvider:
    """Implements `base.Provider`.

    The `account` of a call is the connected account that the object is on; it is empty for bills and for
    payments that are charged separately, which are on ours.
    """

    name = "stripe"

    def create_payment(self, request: base.PaymentRequest) -> base.PaymentState:
        return payments.create_payment(request)

    def fetch_payment(self, external_id: str, account: str) -> base.PaymentState:
        return payments.fetch_payment(external_id, account)

    def capture_payment(self, external_id: str, account: str, *, key: str) -> base.PaymentState:
        return payments.capture_payment(external_id, account, key=key)

    def cancel_payment(self, external_id: str, account: str, *, key: str) -> base.PaymentState:
        return payments.cancel_payment(external_id, account, key=key)

    def create_refund(
        self, payment: str, account: str, amount: int, *, fee: int, reference: str, key: str
    ) -> base.RefundState:
        return refunds.create_refund(payment, account, amount, fee=fee, reference=reference, key=key)

    def fetch_refund(self, external_id: str, account: str) -> base.RefundState:
        return refunds.fetch_refund(external_id, account)

    def fetch_chargeback(self, external_id: str, account: str) -> base.ChargebackState:
        return refunds.fetch_chargeback(external_id, account)

    def available_balance(self, account: str, currency: str) -> int:
        return payouts.available_balance(account, currency)

    def create_payout(
        self, account: str, amount: int, currency: str, *, reference: str, key: str
    ) -> base.PayoutState:
        return payouts.create_payout(account, amount, currency, reference=reference, key=key)

    def fetch_payout(self, external_id: str, account: str) -> base.PayoutState:
        return payouts.fetch_payout(external_id, account)

    def create_transfer(
        self, payment: str, account: str, amount: int, currency: str, *, reference: str, key: str
    ) -> base.TransferState:
        return payouts.create_transfer(payment, account, amount, currency, reference=reference, key=key)

    def reverse_transfer(self, external_id: str, amount: int, *, key: str) -> base.TransferState:
        return payouts.reverse_transfer(external_id, amount, key=key)

    def fetch_transfer(self, external_id: str) -> base.TransferState:
        return payouts.fetch_transfer(external_id)

    def create_account(self, *, reference: str, email: str, country: str, key: str) -> base.AccountState:
        return accounts.create_account(reference=reference, email=email, country=country, key=key)

    def fetch_account(self, external_id: str) -> base.AccountState:
        return accounts.fetch_account(external_id)

    def onboarding_url(self, account: str, *, return_url: str, refresh_url: str) -> str:
        return accounts.onboarding_url(account, return_url=return_url, refresh_url=refresh_url)

    def create_card_setup(
        self, *, customer: str, reference: str, email: str, key: str
    ) -> base.CardSetupState:
        return accounts.create_card_setup(customer=customer, reference=reference, email=email, key=key)

    def fetch_card_setup(self, external_id: str) -> base.CardSetupState:
        return accounts.fetch_card_setup(external_id)

    def remove_card(self, customer: str, card: str, *, key: str) -> None:
        accounts.remove_card(card, key=key)

    def read_webhook(self, body: bytes, headers: Mapping[str, str]) -> base.ProviderEvent:
        return webhooks.read_webhook(body, headers)

    def movements(self, account: str, since: datetime, until: datetime) -> Iterator[base.Movement]:
        return movements.movements(account, since, until)

    def client_settings(self, account: str = "") -> dict[str, str]:
        # Stripe finds a seller's payment only if its form is told on whose account it is.
        on_account = {"account": account} if account else {}
        return {"publishable_key": settings.STRIPE_PUBLISHABLE_KEY, **on_account}
