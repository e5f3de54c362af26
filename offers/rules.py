"""The conditions that an offer must meet, and the seller's price rules, without database queries."""

import secrets
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from listings.models import Product
from offers.error_codes import OffersErrorCode
from offers.models import Offer
from soukloop.core.errors import Conflict, Forbidden, Text, ValidationFailed
from soukloop.core.money import price_display


class Verdict(Enum):
    """What the seller's price rules decide about a buyer's offer."""

    ASK_SELLER = "ask_seller"
    DECLINE = "decline"
    ACCEPT = "accept"


def require_accepts_offers(product: Product, actor: User) -> None:
    """Raise unless this user may make an offer on the product.

    Raises Forbidden (`own_product`) or Conflict (`offers_disabled`, `product_not_available`).
    """
    if product.seller_id == actor.pk:
        raise Forbidden(_("You cannot make an offer on your own product."), code=OffersErrorCode.OWN_PRODUCT)
    require_on_sale(product)
    if not product.accepts_offers:
        raise Conflict(
            _("The seller does not accept offers on this product."), code=OffersErrorCode.OFFERS_DISABLED
        )


def require_on_sale(product: Product) -> None:
    """Raise Conflict (`product_not_available`) unless the product is active and its seller's account open."""
    if not product.is_available or product.seller_closed:
        raise Conflict(_("This product is no longer available."), code=OffersErrorCode.PRODUCT_NOT_AVAILABLE)


def require_valid_price(product: Product, price: Decimal, currency: str | None) -> None:
    """Raise ValidationFailed unless the currency is the product's and the price is at most the asking price.

    A higher price is almost always a typing mistake.
    """
    problems: dict[str, list[Text]] = {}
    if currency is not None and currency != product.currency:
        problems["currency"] = [_("This product is sold in %(currency)s.") % {"currency": product.currency}]
    if price > product.price:
        problems["offered_price"] = [
            _("The offer can't be above the asking price of %(price)s.")
            % {"price": price_display(product.price, product.currency)}
        ]
    if problems:
        raise ValidationFailed(details=problems)


def require_price_not_lowered(offer: Offer) -> None:
    """Raise Conflict (`price_lowered`) if the product now costs less than was offered."""
    product = offer.product
    if offer.offered_price > product.price or offer.currency != product.currency:
        raise Conflict(
            _("The price is now %(price)s, which is below this offer."),
            params={"price": price_display(product.price, product.currency)},
            code=OffersErrorCode.PRICE_LOWERED,
            details={"price": product.price, "currency": product.currency},
        )


def require_open_account(user: User) -> None:
    """Raise Conflict (`party_unavailable`) if the account is banned or deleted."""
    if not user.is_active:
        raise Conflict(_("The other side's account is closed."), code=OffersErrorCode.PARTY_UNAVAILABLE)


def apply_seller_rules(product: Product, price: Decimal) -> Verdict:
    """Return what the seller's price rules decide about a buyer's price."""
    if product.min_offer_price is not None and price < product.min_offer_price:
        return Verdict.DECLINE
    if product.auto_accept_price is not None and price >= product.auto_accept_price:
        return Verdict.ACCEPT
    return Verdict.ASK_SELLER


def auto_decline_time(now: datetime) -> datetime:
    """Return when an offer below the minimum price is declined: after a random time, as a person would."""
    shortest: timedelta = settings.OFFER_AUTO_DECLINE_AFTER_MIN
    longest: timedelta = settings.OFFER_AUTO_DECLINE_AFTER_MAX
    milliseconds = int((longest - shortest) / timedelta(milliseconds=1))
    return now + shortest + timedelta(milliseconds=secrets.randbelow(milliseconds + 1))
