"""Kinds of notification about being paid by card, and about saved cards."""

from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from notifications.kinds import Kind, declare_kind

_WEEK = timedelta(days=7)

ACCOUNT_READY = declare_kind(
    Kind(
        name="payment_account_ready",
        label=_("Being paid by card"),
        when="The payment provider lets a seller be paid by card",
        title=_("Buyers can now pay you by card"),
        body=_("The payment provider has checked your account."),
        link="account/payments",
        collapse_key="payment_account",
        replaces_unread=True,
        expires_after=_WEEK,
        example_params={},
        example_data={},
    )
)
ACCOUNT_INCOMPLETE = declare_kind(
    Kind(
        name="payment_account_incomplete",
        label=_("Questions of the payment provider"),
        when="The payment provider asks a seller, whose account was complete, for something more",
        title=_("The payment provider needs something from you"),
        body=_("Answer soon, so that buyers can pay you by card and payouts go on."),
        link="account/payments",
        collapse_key="payment_account",
        replaces_unread=True,
        is_urgent=True,
        expires_after=_WEEK,
        example_params={},
        example_data={},
    )
)
CARD_SAVED = declare_kind(
    Kind(
        name="payment_card_saved",
        label=_("Saved cards"),
        when="A card was saved for the monthly bill of fees",
        title=_("Your card ending in %(last4)s was saved"),
        body=_("The fees of your sales in person are charged to it once a month."),
        link="account/payments",
        collapse_key="payment_card",
        replaces_unread=True,
        expires_after=_WEEK,
        example_params={"last4": "4242"},
        example_data={},
    )
)
