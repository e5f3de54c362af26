"""Notices to sellers about their accounts at the provider and their saved cards."""

from notifications.services.notify import notify
from payments import notification_kinds as kinds
from payments.models import SavedCard, SellerAccount


def notify_of_account(account: SellerAccount, *, was_enabled: bool, was_complete: bool) -> None:
    """Tell a seller that they may now be paid by card, or that the provider asks for something again."""
    if account.charges_enabled and not was_enabled:
        notify(user_ids=[account.seller_id], kind=kinds.ACCOUNT_READY, params={}, data={})
    elif was_enabled and (not account.charges_enabled or (was_complete and account.requirements)):
        notify(user_ids=[account.seller_id], kind=kinds.ACCOUNT_INCOMPLETE, params={}, data={})


def notify_of_card(card: SavedCard) -> None:
    notify(user_ids=[card.user_id], kind=kinds.CARD_SAVED, params={"last4": card.last4}, data={})
