"""Admin screens of payments: all rows are read-only, and actions call services."""

from payments.admin import (
    billing,
    cases,
    documents,
    ledger,
    notices,
    payments,
    payouts,
    reconciliations,
    refunds,
    webhooks,
)

__all__ = [
    "billing",
    "cases",
    "documents",
    "ledger",
    "notices",
    "payments",
    "payouts",
    "reconciliations",
    "refunds",
    "webhooks",
]
