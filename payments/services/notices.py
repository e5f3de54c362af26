"""Notices to sellers about their accounts at the provider, their saved cards and their payouts."""

from notifications.services.notify import notify
from payments import notification_kinds as kinds
from payments.models import Payout, SavedCard, SellerAccount
from soukloop.core.money import from_fils


def notify_of_account(account: SellerAccount, *, was_enabled: bool, was_complete: bool) -> None:
    """Tell a seller that they may now be paid by card, or that the provider asks for something again."""
    if account.charges_enabled and not was_enabled:
        notify(user_ids=[account.seller_id], kind=kinds.ACCOUNT_READY, params={}, data={})
    elif was_enabled and (not account.charges_enabled or (was_complete and account.requirements)):
        notify(user_ids=[account.seller_id], kind=kinds.ACCOUNT_INCOMPLETE, params={}, data={})


def notify_of_card(card: SavedCard) -> None:
    notify(user_ids=[card.user_id], kind=kinds.CARD_SAVED, params={"last4": card.last4}, data={})


def notify_of_payout(payout: Payout, previous: str) -> None:
    """Tell a seller that a payout has arrived, or that it failed; registered with `hooks.payout_changed`."""
    by_state = {Payout.State.PAID.value: kinds.PAYOUT_PAID, Payout.State.FAILED.value: kinds.PAYOUT_FAILED}
    if payout.state in by_state and payout.state != previous:
        notify(
            user_ids=[payout.seller_id],
            kind=by_state[payout.state],
            params={"price": {"amount": str(from_fils(payout.amount)), "currency": payout.currency}},
            data={},
        )
