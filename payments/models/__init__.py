"""The tables of payments."""

from payments.models.accounts import SavedCard, SellerAccount
from payments.models.billing import FeeBill
from payments.models.cases import FinanceCase, Reconciliation
from payments.models.corrections import Correction
from payments.models.documents import Document, DocumentSeries
from payments.models.ledger import Entry, EntryLine
from payments.models.movements import ProviderMovement
from payments.models.payments import Chargeback, Payment, Refund
from payments.models.payouts import Payout, Transfer
from payments.models.sandbox import (
    SandboxAccount,
    SandboxCardSetup,
    SandboxMovement,
    SandboxOperation,
    SandboxPayment,
)
from payments.models.webhooks import WebhookEvent

__all__ = [
    "Chargeback",
    "Correction",
    "Document",
    "DocumentSeries",
    "Entry",
    "EntryLine",
    "FeeBill",
    "FinanceCase",
    "Payment",
    "Payout",
    "ProviderMovement",
    "Reconciliation",
    "Refund",
    "SandboxAccount",
    "SandboxCardSetup",
    "SandboxMovement",
    "SandboxOperation",
    "SandboxPayment",
    "SavedCard",
    "SellerAccount",
    "Transfer",
    "WebhookEvent",
]
