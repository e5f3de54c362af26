"""Kinds of notification about being paid by card, saved cards and bills of fees."""

from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from notifications.kinds import Kind, declare_kind

_WEEK = timedelta(days=7)
_PRICE = {"amount": "42.50", "currency": "AED"}
_FEES_LINK = "account/fees"

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
FEE_CARD_NEEDED = declare_kind(
    Kind(
        name="fee_card_needed",
        label=_("A card is needed for your fees"),
        when="A seller owes fees of sales in person and has not saved a card",
        title=_("Save a card for your fees of %(price)s"),
        body=_("The fees of your sales in person are charged to it once a month."),
        link=_FEES_LINK,
        collapse_key="fee_card",
        replaces_unread=True,
        expires_after=timedelta(days=7),
        example_params={"price": _PRICE},
        example_data={},
    )
)
FEE_BILL_MADE = declare_kind(
    Kind(
        name="fee_bill_made",
        label=_("Bills of fees"),
        when="The month's fees of sales in person are billed",
        title=_("Your fees of last month: %(price)s"),
        body=_("They are charged to your saved card."),
        link=_FEES_LINK,
        collapse_key="fee_bills",
        expires_after=timedelta(days=7),
        example_params={"price": _PRICE},
        example_data={},
    )
)
FEE_BILL_PAID = declare_kind(
    Kind(
        name="fee_bill_paid",
        label=_("Paid bills of fees"),
        when="A bill of fees was charged to the seller's card",
        title=_("Your fees of %(price)s are paid"),
        body=_("They were charged to your saved card."),
        link=_FEES_LINK,
        collapse_key="fee_bills",
        expires_after=timedelta(days=7),
        example_params={"price": _PRICE},
        example_data={},
    )
)
FEE_BILL_FAILED = declare_kind(
    Kind(
        name="fee_bill_failed",
        label=_("Bills of fees that could not be charged"),
        when="A bill of fees could not be charged to the seller's card; it is tried again",
        title=_("Your fees of %(price)s could not be charged"),
        body=_("We will try again. Check your card, or save another one."),
        link=_FEES_LINK,
        collapse_key="fee_bills",
        expires_after=timedelta(days=7),
        example_params={"price": _PRICE},
        example_data={},
    )
)
FEE_BILL_OVERDUE = declare_kind(
    Kind(
        name="fee_bill_overdue",
        label=_("Overdue bills of fees"),
        when="A bill of fees could not be charged; until it is paid, its seller makes no sales in person",
        title=_("Your fees of %(price)s are overdue"),
        body=_("You can't sell in person until they are paid. Save a card and pay them."),
        link=_FEES_LINK,
        collapse_key="fee_bills",
        is_urgent=True,
        expires_after=timedelta(days=7),
        example_params={"price": _PRICE},
        example_data={},
    )
)
PAYOUT_PAID = declare_kind(
    Kind(
        name="payout_paid",
        label=_("Payouts"),
        when="Money of a seller's sales has arrived at their bank",
        title=_("%(price)s have arrived at your bank"),
        body=_("Your statement shows the sales that they are from."),
        link="account/payments",
        collapse_key="payouts",
        expires_after=_WEEK,
        example_params={"price": _PRICE},
        example_data={},
    )
)
PAYOUT_FAILED = declare_kind(
    Kind(
        name="payout_failed",
        label=_("Payouts that failed"),
        when="Money of a seller's sales did not arrive at their bank, or the bank returned it",
        title=_("Your payout of %(price)s failed"),
        body=_("The money is kept for you. Check your bank details, so that it can be sent again."),
        link="account/payments",
        collapse_key="payouts",
        is_urgent=True,
        expires_after=_WEEK,
        example_params={"price": _PRICE},
        example_data={},
    )
)
