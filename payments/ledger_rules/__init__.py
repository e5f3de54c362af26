"""What must be true of the ledger and of our rows: SQL statements that select what is not."""

from payments.ledger_rules.documents import RULES as _DOCUMENTS
from payments.ledger_rules.entries import RULES as _ENTRIES
from payments.ledger_rules.payments import RULES as _PAYMENTS
from payments.ledger_rules.payouts import RULES as _PAYOUTS
from payments.ledger_rules.rows import RULES as _ROWS
from payments.ledger_rules.rule import Rule

__all__ = ["RULES", "Rule"]

RULES: tuple[Rule, ...] = (*_ENTRIES, *_ROWS, *_PAYMENTS, *_PAYOUTS, *_DOCUMENTS)
