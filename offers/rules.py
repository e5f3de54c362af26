"""What an offer has to keep to, and what a seller's own rules make of it; nothing here touches a row."""

from decimal import Decimal
from enum import Enum

from accounts.models import User
from listings.models import Product
from offers.models import Offer
from soukloop.core.errors import Conflict, Forbidden, ValidationFailed


class Verdict(Enum):
    """What the seller's rules say to a buyer's price."""

    ASK = "ask"
    DECLINE = "decline"
    ACCEPT = "accept"


def require_offers_wanted(product: Product, actor: User) -> None:
    """Raise Forbidden (`own_product`) or Conflict (`offers_disabled`, `product_not_available`)."""
    if product.seller_id == actor.pk:
        raise Forbidden("This is your own product.", code="own_product")
    require_on_sale(product)
    if not product.accepts_offers:
        raise Conflict("The seller takes no offers on this product.", code="offers_disabled")


def require_on_sale(product: Product) -> None:
    """Raise Conflict (`product_not_available`) for what is sold, reserved or gone, or its seller is."""
    if not product.is_available or product.seller_closed:
        raise Conflict("This product is no longer available.", code="product_not_available")


def require_fair_price(product: Product, price: Decimal, currency: str | None) -> None:
    """Refuse another currency, and more than the seller asks: nobody means to; raises ValidationFailed."""
    problems = {}
    if currency is not None and currency != product.currency:
        problems["currency"] = [f"This product is sold in {product.currency}."]
    if price > product.price:
        problems["offered_price"] = [
            f"The asking price is {product.currency} {product.price}; offer at most that."
        ]
    if problems:
        raise ValidationFailed(details=problems)


def require_price_still_fair(offer: Offer) -> None:
    """Raise Conflict (`price_lowered`) when the product has become cheaper than the offer."""
    product = offer.product
    if offer.offered_price > product.price or offer.currency != product.currency:
        raise Conflict(
            f"The price is {product.currency} {product.price} now, less than this offer.",
            code="price_lowered",
            details={"price": product.price, "currency": product.currency},
        )


def require_counterpart(user: User) -> None:
    """Raise Conflict (`party_unavailable`) for a closed account: there is nobody to deal with."""
    if not user.is_active:
        raise Conflict("The other side's account is closed.", code="party_unavailable")


def verdict_on(product: Product, price: Decimal) -> Verdict:
    """Return what the seller's rules say to a buyer's price."""
    if product.min_offer_price is not None and price < product.min_offer_price:
        return Verdict.DECLINE
    if product.auto_accept_price is not None and price >= product.auto_accept_price:
        return Verdict.ACCEPT
    return Verdict.ASK
