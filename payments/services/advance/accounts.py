"""Writing what a provider tells of a seller's account, and of a card that a person saves."""

from uuid import UUID

from django.db import transaction

from payments import access
from payments.models import SavedCard, SellerAccount
from payments.providers.base import AccountState, CardSetupState
from payments.services.notices import notify_of_account, notify_of_card
from soukloop.core.db.clock import database_now
from soukloop.core.encryption import encrypt
from soukloop.core.jobs.queue import enqueue

CARD_SETUP = "payments.card_setup"


def advance_account(account_id: UUID, told: AccountState) -> SellerAccount:
    """Write what the provider demands and allows; what waits for payouts is sent once they are enabled.

    Unlike a payment, an account has no order of states: what the provider told last holds.
    """
    with transaction.atomic():
        account = access.lock_account(account_id)
        if account.external_id and account.external_id != told.external_id:
            return account
        was_enabled, was_complete = account.charges_enabled, not account.requirements
        may_now_send = told.payouts_enabled and not account.payouts_enabled
        account.external_id = told.external_id
        account.charges_enabled, account.payouts_enabled = told.charges_enabled, told.payouts_enabled
        account.requirements = list(told.requirements)
        account.disabled_reason = told.disabled_reason[:100]
        account.checked_at = database_now()
        account.save()
        notify_of_account(account, was_enabled=was_enabled, was_complete=was_complete)
        if may_now_send:
            latest = account.payouts.order_by("-created_at").first()
            enqueue(
                "payments.pay_out",
                lock=f"seller-account:{account.pk}",
                account_id=str(account.pk),
                after_failure_of=str(latest.pk) if latest else None,
            )
        return account


def advance_card_setup(card_id: UUID, told: CardSetupState) -> SavedCard:
    """Write the form's secret while it is open, and the card once its owner has entered it."""
    with transaction.atomic():
        card = SavedCard.objects.select_for_update(no_key=True).get(pk=card_id)
        if card.external_setup_id and card.external_setup_id != told.external_id:
            return card  # of an earlier form
        card.external_setup_id, card.external_customer_id = told.external_id, told.customer
        if told.card:
            is_new = card.external_id != told.card
            card.external_id, card.brand, card.last4 = told.card, told.brand[:20], told.last4[:4]
            card.expires_on, card.client_secret = told.expires_on, ""
            if is_new:
                card.saved_at = database_now()
                notify_of_card(card)
        elif told.client_secret:
            card.client_secret = encrypt(told.client_secret, purpose=CARD_SETUP)
        card.save()
        return card
