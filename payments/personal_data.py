"""What an export of a person's data has of payments; nothing with which somebody could pay or be paid."""

from payments.models import (
    Correction,
    Document,
    Entry,
    EntryLine,
    FeeBill,
    FinanceCase,
    Payment,
    Payout,
    Refund,
    SavedCard,
    SellerAccount,
)
from soukloop.core.personal_data import PersonalTable, owned_by

_PAYMENT = (
    *("id", "kind", "provider", "amount", "currency", "description", "state", "refunded", "created_at"),
    *("captured_at", "closed_at"),
)

TABLES = [
    PersonalTable("payments_made", Payment, owned_by("payer"), _PAYMENT),
    PersonalTable("payments_received", Payment, owned_by("payee"), (*_PAYMENT, "fee", "vat")),
    PersonalTable(
        "refunds_received",
        Refund,
        owned_by("payment__payer"),
        ("payment", "amount", "state", "created_at", "closed_at"),
    ),
    PersonalTable(
        "accounts_at_providers",
        SellerAccount,
        owned_by("seller"),
        ("provider", "charges_enabled", "payouts_enabled", "requirements", "created_at"),
    ),
    PersonalTable(
        "saved_cards",
        SavedCard,
        owned_by("user"),
        ("provider", "brand", "last4", "expires_on", "created_at", "saved_at"),
    ),
    PersonalTable(
        "fee_bills",
        FeeBill,
        owned_by("seller"),
        ("month", "amount", "currency", "state", "due_at", "created_at", "closed_at"),
    ),
    PersonalTable(
        "payouts",
        Payout,
        owned_by("seller"),
        ("id", "amount", "currency", "state", "arrives_on", "created_at", "closed_at"),
    ),
    PersonalTable(
        "invoices_and_receipts",
        Document,
        owned_by("person"),
        ("kind", "number", "payment", "net", "vat", "total", "currency", "issued_at"),
    ),
    PersonalTable(
        "ledger_lines",
        EntryLine,
        owned_by("person"),
        ("entry__kind", "account", "amount", "entry__created_at"),
    ),
]

NOT_EXPORTED = {
    Correction: "names the staff who proposed and posted it; the person's lines are exported",
    Entry: "refers to the staff who booked it; the person's lines are exported",
    FinanceCase: "finance's own notes; the payments and payouts are exported",
}
