"""Admin screens of orders, disputes and reviews; actions call services."""

from orders.admin import disputes, orders, reviews

__all__ = ["disputes", "orders", "reviews"]
