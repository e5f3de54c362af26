"""What this app does when lower apps call their hooks."""

from accounts.hooks import account_deleted
from payments.hooks import payment_changed
from payments.services.billing import bill_payment_changed
from payments.services.documents import pseudonymise_documents_of
from soukloop.core.backups.checks import command_check, restore_checks

account_deleted.register(pseudonymise_documents_of)
restore_checks.register(command_check("ledger", "check"))
payment_changed.register(bill_payment_changed)
