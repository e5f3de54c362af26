"""Registers the functions that listings call when accounts change."""

from accounts.hooks import account_closed, account_reopened
from listings.services import mark_seller_closed, mark_seller_open

account_closed.register(mark_seller_closed)
account_reopened.register(mark_seller_open)
