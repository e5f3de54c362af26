"""What this app does when lower apps call their hooks."""

from accounts.hooks import account_deleted, account_deletion_blockers
from payments.hooks import payment_changed, payout_changed
from payments.models import Payment, SavedCard
from payments.selectors.obligations import obligations_of
from payments.serializers import CLIENT_SECRET
from payments.services.advance.accounts import CARD_SETUP
from payments.services.billing import bill_payment_changed
from payments.services.documents import pseudonymise_documents_of
from payments.services.notices import notify_of_payout
from soukloop.core.backups.checks import command_check, restore_checks
from soukloop.core.encryption import declare_encrypted_field

declare_encrypted_field(Payment, "client_secret", purpose=CLIENT_SECRET)
declare_encrypted_field(SavedCard, "client_secret", purpose=CARD_SETUP)

account_deletion_blockers.register(obligations_of)
account_deleted.register(pseudonymise_documents_of)
restore_checks.register(command_check("ledger", "check"))
payment_changed.register(bill_payment_changed)
payout_changed.register(notify_of_payout)
