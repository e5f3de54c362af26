"""Factories of offers and sales; they call the services."""

from decimal import Decimal
from typing import Any

from accounts.models import User
from accounts.tests.factories import make_user
from listings.models import Product
from listings.tests.factories import make_product
from offers.models import Offer, Transaction
from offers.services import negotiation


def make_offer(
    product: Product | None = None, *, buyer: User | None = None, price: str = "750.00", **fields: Any
) -> Offer:
    """Make an offer of AED 750; create the buyer and the product unless they are given."""
    product = product or make_product()
    return negotiation.create_offer(
        actor=buyer or make_user(), product_id=product.pk, offered_price=Decimal(price), **fields
    )


def make_counter(offer: Offer, *, price: str = "800.00", **fields: Any) -> Offer:
    """Counter an offer, as its recipient."""
    return negotiation.counter_offer(
        actor=offer.recipient, offer_id=offer.pk, offered_price=Decimal(price), **fields
    )


def make_sale(product: Product | None = None, **fields: Any) -> Transaction:
    """Make an offer and accept it."""
    offer = make_offer(product, **fields)
    return negotiation.accept_offer(actor=offer.recipient, offer_id=offer.pk)
