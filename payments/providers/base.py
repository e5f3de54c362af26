"""What a payment provider must be able to do. All amounts are integers in fils.

Calls are made by jobs after commit, with a key derived from the committed row: the same call with the same
key has one effect, however often it is made. Every answer is the provider's present state, which
`payments.services.advance` compares with our row; webhooks lead to the same question and the same function.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

INQUIRY = "inquiry"
"""In a chargeback's state: the bank only asks, and no money has moved."""


class ProviderError(Exception):
    """A provider did not do what it was asked."""


class ProviderUnavailable(ProviderError):
    """The provider gave no answer, or says that it is overloaded; the same call is to be made again later."""


class ProviderRefused(ProviderError):
    """The provider refuses the call, and would again."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(message or code)
        self.code = code
        """The provider's word, such as `card_declined` or `balance_insufficient`."""


class InvalidWebhook(Exception):
    """A webhook's signature or body is not the provider's."""


@dataclass(frozen=True)
class PaymentRequest:
    key: str
    amount: int
    fee: int
    """Our share of the amount."""
    currency: str
    description: str
    reference: str
    """Our payment's id, kept by the provider beside its own."""
    account: str
    """The seller's account at the provider; empty for a bill of ours."""
    is_separate: bool = False
    """To be charged on our account, with a transfer later."""
    customer: str = ""
    card: str = ""
    """A saved card, which is charged without its owner; empty if the payer enters one."""
    return_url: str = ""


@dataclass(frozen=True)
class PaymentState:
    """`state` is a `Payment.State` other than `created`."""

    external_id: str
    state: str
    amount: int
    currency: str
    account: str = ""
    """The seller's, also of a payment on our account for a transfer later; empty for a bill of ours."""
    client_secret: str = ""
    failure_code: str = ""
    fee: int | None = None
    reference: str = ""
    """Our payment's id, as the provider kept it."""


@dataclass(frozen=True)
class RefundState:
    """`state` is a `Refund.State`: pending, succeeded or failed."""

    external_id: str
    state: str
    amount: int
    currency: str
    payment: str = ""
    """The provider's id of the payment."""
    failure_code: str = ""
    reference: str = ""
    """Our refund's id; empty for a refund that was made at the provider itself."""


@dataclass(frozen=True)
class ChargebackState:
    """`state` is a `Chargeback.State`, or INQUIRY."""

    external_id: str
    payment: str
    state: str
    amount: int
    currency: str
    reason: str = ""
    respond_by: datetime | None = None


@dataclass(frozen=True)
class PayoutState:
    """`state` is a `Payout.State`: on_its_way, paid or failed."""

    external_id: str
    state: str
    amount: int
    currency: str
    account: str = ""
    failure_code: str = ""
    arrives_on: date | None = None
    reference: str = ""
    """Our payout's id; empty for one that was made at the provider itself."""


@dataclass(frozen=True)
class TransferState:
    """`state` is a `Transfer.State`."""

    external_id: str
    state: str
    amount: int
    currency: str
    account: str = ""
    reference: str = ""


@dataclass(frozen=True)
class AccountState:
    external_id: str
    charges_enabled: bool
    payouts_enabled: bool
    requirements: list[str] = field(default_factory=list)
    disabled_reason: str = ""


@dataclass(frozen=True)
class CardSetupState:
    """A form in which a person saves a card; `card` is empty until they have."""

    external_id: str
    customer: str
    client_secret: str = ""
    card: str = ""
    brand: str = ""
    last4: str = ""
    expires_on: date | None = None


@dataclass(frozen=True)
class Movement:
    """A movement of the provider's own list, for the nightly comparison. Signed: positive came in."""

    external_id: str
    kind: str
    """One of charge, refund, refund_failed, chargeback, chargeback_won, payout, payout_failed, transfer, fee,
    other."""
    amount: int
    fee: int
    """What the provider kept of it."""
    currency: str
    source: str
    """The provider's id of the payment, refund, chargeback or payout."""
    account: str
    """The seller's account it is on; empty for ours."""
    created_at: datetime


@dataclass(frozen=True)
class ProviderEvent:
    """A webhook with the right signature; it says only what to ask about, nothing else of it is believed."""

    event_id: str
    kind: str
    """The provider's word, such as `payment_intent.succeeded`."""
    subject: str
    """What `object_id` names: payment, refund, chargeback, payout, transfer, account, card_setup, or "" ."""
    object_id: str
    account: str
    body: Mapping[str, object]


class Provider(Protocol):
    """A payment provider. Every method raises ProviderUnavailable and ProviderRefused.

    `account` is the seller's account that an object is on; it is empty for what is on ours, which are bills
    and payments that are charged separately.
    """

    name: str

    def create_payment(self, request: PaymentRequest) -> PaymentState:
        """Begin a payment; the money is only blocked until `capture_payment`, but for saved cards."""

    def fetch_payment(self, external_id: str, account: str) -> PaymentState: ...

    def capture_payment(self, external_id: str, account: str, *, key: str) -> PaymentState: ...

    def cancel_payment(self, external_id: str, account: str, *, key: str) -> PaymentState:
        """Give up a payment that is not captured. Raises ProviderRefused if it is."""

    def create_refund(
        self, payment: str, account: str, amount: int, *, fee: int, reference: str, key: str
    ) -> RefundState:
        """Refund a part of a captured payment; `fee` of it comes out of our share."""

    def fetch_refund(self, external_id: str, account: str) -> RefundState: ...

    def fetch_chargeback(self, external_id: str, account: str) -> ChargebackState: ...

    def available_balance(self, account: str, currency: str) -> int:
        """Return what the seller's account can send to the bank now."""

    def create_payout(
        self, account: str, amount: int, currency: str, *, reference: str, key: str
    ) -> PayoutState: ...

    def fetch_payout(self, external_id: str, account: str) -> PayoutState: ...

    def create_transfer(
        self, payment: str, account: str, amount: int, currency: str, *, reference: str, key: str
    ) -> TransferState: ...

    def reverse_transfer(self, external_id: str, amount: int, *, key: str) -> TransferState: ...

    def fetch_transfer(self, external_id: str) -> TransferState: ...

    def create_account(self, *, reference: str, email: str, country: str, key: str) -> AccountState:
        """Make a seller's account, whose owner the provider itself then asks for what it needs."""

    def fetch_account(self, external_id: str) -> AccountState: ...

    def onboarding_url(self, account: str, *, return_url: str, refresh_url: str) -> str:
        """Return the address of the provider's page on which a seller completes their account."""

    def create_card_setup(self, *, customer: str, reference: str, email: str, key: str) -> CardSetupState:
        """Begin to save a card; makes a customer where none is named."""

    def fetch_card_setup(self, external_id: str) -> CardSetupState: ...

    def remove_card(self, customer: str, card: str, *, key: str) -> None:
        """Forget a customer's saved card, which can't be charged any more; repeating it is harmless."""

    def read_webhook(self, body: bytes, headers: Mapping[str, str]) -> ProviderEvent:
        """Check a webhook's signature and return what it is about. Raises InvalidWebhook."""

    def movements(self, account: str, since: datetime, until: datetime) -> Iterator[Movement]:
        """Return the provider's movements on an account (ours where empty), the oldest first."""

    def client_settings(self, account: str = "") -> dict[str, str]:
        """Return what apps need to open the form of an object on an account, such as a publishable key."""
