"""Reads of payments, and of sellers' money."""

from payments.selectors.payments import latest_payment, refundable, standing_payment, ways_to_be_paid

__all__ = ["latest_payment", "refundable", "standing_payment", "ways_to_be_paid"]
