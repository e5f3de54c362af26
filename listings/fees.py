"""The platform's fee: 5 % of the price in the Community feed, 15 % in Discover (contract 2.1, 2.2)."""

from decimal import Decimal

from django.conf import settings

from soukloop.core.money import split_by_rate


def fee_rate(feed_type: str) -> Decimal:
    """Return the feed's fee rate, such as 0.05."""
    return Decimal(settings.FEE_RATES[feed_type])


def fee_and_payout(price: Decimal, feed_type: str) -> tuple[Decimal, Decimal]:
    """Return the platform's fee and the seller's payout, which always add up to the price."""
    return split_by_rate(price, fee_rate(feed_type))
