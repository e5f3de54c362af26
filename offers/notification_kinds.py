"""Kinds of notification about offers and sales."""

from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from notifications.kinds import Kind, declare_kind

_DATA = {
    "offer_id": "7d2b6d0e-6f0e-4a52-9d0c-0f6f4a9d9c11",
    "product_id": "e2c1a4f0-9a53-4b0e-8f0b-6f0f2f1c7d10",
    "conversation_id": "0b4f4e9e-2a86-4c0f-9a8e-d0a3a4f1c7aa",
}
_PRICE = {"amount": "750.00", "currency": "AED"}
_PRODUCT = "Nike Air Jordan 1"

OFFER_NEW = declare_kind(
    Kind(
        name="offer_new",
        label=_("New offers"),
        when="Somebody makes an offer for your product",
        title=_("%(actor)s offers %(price)s"),
        body="%(product)s",
        link="conversations/{conversation_id}",
        collapse_key="offers:{conversation_id}",
        replaces_unread=True,
        is_urgent=True,
        example_params={"actor": "@omar", "price": _PRICE, "product": _PRODUCT},
        example_data=_DATA,
    )
)
OFFER_COUNTERED = declare_kind(
    Kind(
        name="offer_countered",
        label=_("Counter-offers"),
        when="The other side answers an offer with another price",
        title=_("%(actor)s offers %(price)s"),
        body="%(product)s",
        link="conversations/{conversation_id}",
        collapse_key="offers:{conversation_id}",
        replaces_unread=True,
        is_urgent=True,
        example_params={"actor": "@omar", "price": _PRICE, "product": _PRODUCT},
        example_data=_DATA,
    )
)
OFFER_ACCEPTED = declare_kind(
    Kind(
        name="offer_accepted",
        label=_("Accepted offers"),
        when="An offer is accepted; the other side is told",
        title=_("Offer of %(price)s accepted"),
        body="%(product)s",
        link="conversations/{conversation_id}",
        collapse_key="offer:{offer_id}",
        is_urgent=True,
        expires_after=timedelta(days=7),
        example_params={"actor": "@omar", "price": _PRICE, "product": _PRODUCT},
        example_data=_DATA,
    )
)
OFFER_DECLINED = declare_kind(
    Kind(
        name="offer_declined",
        label=_("Declined offers"),
        when="Your offer is declined",
        title=_("Your offer of %(price)s was declined"),
        body="%(product)s",
        link="conversations/{conversation_id}",
        collapse_key="offer:{offer_id}",
        is_urgent=True,
        example_params={"price": _PRICE, "product": _PRODUCT},
        example_data=_DATA,
    )
)
OFFER_WITHDRAWN = declare_kind(
    Kind(
        name="offer_withdrawn",
        label=_("Withdrawn offers"),
        when="An offer made to you is withdrawn; it takes the place of the offer's notification",
        title=_("%(actor)s withdrew the offer of %(price)s"),
        body="%(product)s",
        link="conversations/{conversation_id}",
        collapse_key="offers:{conversation_id}",
        replaces_unread=True,
        example_params={"actor": "@omar", "price": _PRICE, "product": _PRODUCT},
        example_data=_DATA,
    )
)
OFFER_CLOSED = declare_kind(
    Kind(
        name="offer_closed",
        label=_("Offers closed because the product is gone"),
        when="The product of your offer was sold to somebody else or withdrawn",
        title=_("Your offer was closed: the product is no longer available"),
        body="%(product)s",
        link="products/{product_id}",
        collapse_key="offer:{product_id}",
        example_params={"product": _PRODUCT},
        example_data={"product_id": _DATA["product_id"]},
    )
)
OFFER_EXPIRING = declare_kind(
    Kind(
        name="offer_expiring",
        label=_("Offers that expire soon"),
        when="An offer waits for your answer and expires soon",
        title=_("The offer of %(price)s expires soon"),
        body="%(product)s",
        link="conversations/{conversation_id}",
        collapse_key="offer:{offer_id}",
        is_urgent=True,
        expires_after=timedelta(hours=3),
        example_params={"price": _PRICE, "product": _PRODUCT},
        example_data=_DATA,
    )
)
OFFER_EXPIRED = declare_kind(
    Kind(
        name="offer_expired",
        label=_("Expired offers"),
        when="Your offer was not answered in time",
        title=_("Your offer of %(price)s has expired"),
        body="%(product)s",
        link="conversations/{conversation_id}",
        collapse_key="offer:{offer_id}",
        example_params={"price": _PRICE, "product": _PRODUCT},
        example_data=_DATA,
    )
)
SALE_CANCELLED = declare_kind(
    Kind(
        name="sale_cancelled",
        label=_("Cancelled sales"),
        when="The other side cancels a sale",
        title=_("Sale for %(price)s cancelled"),
        body="%(product)s",
        link="conversations/{conversation_id}",
        collapse_key="offer:{offer_id}",
        is_urgent=True,
        expires_after=timedelta(days=7),
        example_params={"price": _PRICE, "product": _PRODUCT},
        example_data=_DATA,
    )
)
SALE_EXPIRED = declare_kind(
    Kind(
        name="sale_expired",
        label=_("Sales that were not ordered in time"),
        when="The buyer of an accepted offer did not order in time; both sides are told",
        title=_("Sale for %(price)s cancelled: not ordered in time"),
        body="%(product)s",
        link="conversations/{conversation_id}",
        collapse_key="offer:{offer_id}",
        is_urgent=True,
        expires_after=timedelta(days=7),
        example_params={"price": _PRICE, "product": _PRODUCT},
        example_data=_DATA,
    )
)
PRODUCT_INACTIVE = declare_kind(
    Kind(
        name="product_inactive",
        label=_("Products that wait for room"),
        when="After a cancelled sale, the product waits because you have as many active products as allowed",
        title=_("Your product waits: you have as many active products as allowed"),
        body="%(product)s",
        link="products/{product_id}",
        collapse_key="product:{product_id}",
        example_params={"product": _PRODUCT},
        example_data=_DATA,
    )
)
