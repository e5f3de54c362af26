"""The tables of orders."""

from orders.models.addresses import Address
from orders.models.disputes import Dispute, DisputeEvidence
from orders.models.orders import Order, OrderEvent, OrderQuerySet
from orders.models.reviews import Review

__all__ = ["Address", "Dispute", "DisputeEvidence", "Order", "OrderEvent", "OrderQuerySet", "Review"]
