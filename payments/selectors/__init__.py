"""Reads of payments, and of sellers' money."""

from payments.selectors.payments import (
    fee_given_back,
    latest_payment,
    refundable,
    standing_payment,
    ways_to_be_paid,
)

__all__ = ["fee_given_back", "latest_payment", "refundable", "standing_payment", "ways_to_be_paid"]
