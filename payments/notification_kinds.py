"""Kinds of notification about bills of fees."""

from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from notifications.kinds import Kind, declare_kind

_PRICE = {"amount": "42.50", "currency": "AED"}
_FEES_LINK = "account/fees"

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
