"""The sandbox as a payment provider."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from django.conf import settings

from payments.models import SandboxAccount, SandboxCardSetup, SandboxOperation, SandboxPayment
from payments.providers.base import (
    AccountState,
    CardSetupState,
    ChargebackState,
    Movement,
    PaymentRequest,
    PaymentState,
    PayoutState,
    ProviderEvent,
    RefundState,
    TransferState,
)
from payments.providers.sandbox import accounts, cards, operations, payments, webhooks
from payments.providers.sandbox.records import is_allowed
from soukloop.core.errors import NotFound

Kind = SandboxOperation.Kind
_DAYS_TO_RESPOND = 7


class SandboxProvider:
    """Behaves as Stripe does with its test cards, without keys and without the network.

    Raises NotFound where DEBUG is off and SANDBOX_PAYMENTS_ALLOWED is not set: nobody would be charged.
    """

    name = "sandbox"

    def __init__(self) -> None:
        if not is_allowed():
            raise NotFound

    def create_payment(self, request: PaymentRequest) -> PaymentState:
        return _payment_state(payments.create_payment(request))

    def fetch_payment(self, external_id: str, account: str) -> PaymentState:
        return _payment_state(payments.fetch_payment(external_id, account))

    def capture_payment(self, external_id: str, account: str, *, key: str) -> PaymentState:
        return _payment_state(payments.capture_payment(external_id, account))

    def cancel_payment(self, external_id: str, account: str, *, key: str) -> PaymentState:
        return _payment_state(payments.cancel_payment(external_id, account))

    def create_refund(
        self, payment: str, account: str, amount: int, *, fee: int, reference: str, key: str
    ) -> RefundState:
        return _refund_state(
            operations.create_refund(payment, account, amount, fee=fee, reference=reference, key=key)
        )

    def fetch_refund(self, external_id: str, account: str) -> RefundState:
        return _refund_state(operations.fetch_operation(Kind.REFUND, external_id, account))

    def fetch_chargeback(self, external_id: str, account: str) -> ChargebackState:
        chargeback = operations.fetch_operation(Kind.CHARGEBACK, external_id, account)
        return ChargebackState(
            external_id=chargeback.pk,
            payment=chargeback.payment_id or "",
            state=chargeback.state,
            amount=chargeback.amount,
            currency=chargeback.currency,
            reason="fraudulent",
            respond_by=chargeback.created_at + timedelta(days=_DAYS_TO_RESPOND),
        )

    def available_balance(self, account: str, currency: str) -> int:
        return operations.available_balance(account, currency)

    def create_payout(
        self, account: str, amount: int, currency: str, *, reference: str, key: str
    ) -> PayoutState:
        return _payout_state(
            operations.create_payout(account, amount, currency, reference=reference, key=key)
        )

    def fetch_payout(self, external_id: str, account: str) -> PayoutState:
        return _payout_state(operations.fetch_operation(Kind.PAYOUT, external_id, account))

    def create_transfer(
        self, payment: str, account: str, amount: int, currency: str, *, reference: str, key: str
    ) -> TransferState:
        return _transfer_state(
            operations.create_transfer(payment, account, amount, currency, reference=reference, key=key)
        )

    def reverse_transfer(self, external_id: str, amount: int, *, key: str) -> TransferState:
        return _transfer_state(operations.reverse_transfer(external_id, amount, key=key))

    def fetch_transfer(self, external_id: str) -> TransferState:
        return _transfer_state(operations.fetch_transfer(external_id))

    def create_account(self, *, reference: str, email: str, country: str, key: str) -> AccountState:
        return _account_state(
            accounts.create_account(reference=reference, email=email, country=country, key=key)
        )

    def fetch_account(self, external_id: str) -> AccountState:
        return _account_state(accounts.fetch_account(external_id))

    def onboarding_url(self, account: str, *, return_url: str, refresh_url: str) -> str:
        token = accounts.onboarding_token(account, return_url=return_url, refresh_url=refresh_url)
        return f"{settings.BASE_URL}/sandbox/onboarding/{token}"

    def create_card_setup(self, *, customer: str, reference: str, email: str, key: str) -> CardSetupState:
        return _card_setup_state(
            accounts.create_card_setup(customer=customer, reference=reference, email=email, key=key)
        )

    def fetch_card_setup(self, external_id: str) -> CardSetupState:
        return _card_setup_state(accounts.fetch_card_setup(external_id))

    def remove_card(self, customer: str, card: str, *, key: str) -> None:
        accounts.remove_card(customer, card)

    def read_webhook(self, body: bytes, headers: Mapping[str, str]) -> ProviderEvent:
        return webhooks.read_webhook(body, headers)

    def movements(self, account: str, since: datetime, until: datetime) -> Iterator[Movement]:
        for row in operations.movements(account, since, until):
            yield Movement(
                external_id=row.pk,
                kind=row.kind,
                amount=row.amount,
                fee=0,  # what the sandbox keeps is a movement of its own
                currency=row.currency,
                source=row.source,
                account=row.account,
                created_at=row.created_at,
            )

    def client_settings(self, account: str = "") -> dict[str, str]:
        """Return the addresses of the pages; `{client_secret}` is to be replaced."""
        return {
            "payment_url": f"{settings.BASE_URL}/sandbox/pay/{{client_secret}}",
            "card_url": f"{settings.BASE_URL}/sandbox/cards/{{client_secret}}",
        }


def _payment_state(payment: SandboxPayment) -> PaymentState:
    is_open = payment.state == SandboxPayment.State.REQUIRES_ACTION
    return PaymentState(
        external_id=payment.pk,
        state=payment.state,
        amount=payment.amount,
        currency=payment.currency,
        account=payment.account_id or "",
        client_secret=payment.client_secret if is_open else "",
        failure_code=payment.failure_code,
        fee=payment.fee,
        reference=payment.reference,
    )


def _refund_state(refund: SandboxOperation) -> RefundState:
    return RefundState(
        external_id=refund.pk,
        state=refund.state,
        amount=refund.amount,
        currency=refund.currency,
        payment=refund.payment_id or "",
        failure_code=refund.failure_code,
        reference=refund.reference,
    )


def _payout_state(payout: SandboxOperation) -> PayoutState:
    return PayoutState(
        external_id=payout.pk,
        state=payout.state,
        amount=payout.amount,
        currency=payout.currency,
        account=payout.account_id or "",
        failure_code=payout.failure_code,
        arrives_on=(payout.created_at + settings.SANDBOX_PAYOUT_TAKES).date(),
        reference=payout.reference,
    )


def _transfer_state(transfer: SandboxOperation) -> TransferState:
    return TransferState(
        external_id=transfer.pk,
        state=transfer.state,
        amount=transfer.amount,
        currency=transfer.currency,
        account=transfer.account_id or "",
        reference=transfer.reference,
    )


def _account_state(account: SandboxAccount) -> AccountState:
    return AccountState(
        external_id=account.pk,
        charges_enabled=account.is_ready,
        payouts_enabled=account.is_ready,
        requirements=list(account.requirements),
    )


def _card_setup_state(setup: SandboxCardSetup) -> CardSetupState:
    if not setup.card:
        client_secret = "" if accounts.is_setup_expired(setup) else setup.client_secret
        return CardSetupState(
            external_id=setup.pk,
            customer=setup.customer,
            client_secret=client_secret,
        )
    card = cards.CARDS_TO_SAVE[setup.test_card]
    return CardSetupState(
        external_id=setup.pk,
        customer=setup.customer,
        card=setup.card,
        brand=card.brand,
        last4=card.last4,
        expires_on=cards.EXPIRES_ON,
    )
