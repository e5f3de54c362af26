"""Registers the functions that orders call when something changes in lower apps."""

from accounts.hooks import account_deleted
from orders.services.addresses import erase_addresses

account_deleted.register(erase_addresses)
