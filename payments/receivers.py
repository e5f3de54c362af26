"""What this app does when lower apps call their hooks."""

from accounts.hooks import account_closed
from payments.hooks import payment_changed
from payments.services.billing import bill_payment_changed
from payments.services.documents import enqueue_pseudonymising
from soukloop.core.backups.checks import command_check, restore_checks

account_closed.register(enqueue_pseudonymising)
restore_checks.register(command_check("ledger", "check"))
payment_changed.register(bill_payment_changed)
