"""Hooks through which upper apps take part in what happens to sales."""

from collections.abc import Mapping
from datetime import datetime

from accounts.models import User
from offers.models import Transaction
from soukloop.core.hooks import Hook

sale_cancellation: Hook[[Transaction, User, str], bool] = Hook()
"""`callback(sale, actor, reason)`: cancel what was begun for a sale, and the sale with it.

Called with the product, the offer and the sale locked. Returns whether there was anything; if not, only the
sale is cancelled. Raises Conflict if it is too late.
"""

unpaid_orders: Hook[[User, datetime], int] = Hook()
"""`callback(buyer, now)`: how many orders hold products for this buyer that are not paid yet."""

badge_counters: Hook[[User], Mapping[str, int]] = Hook()
"""`callback(user)`: further numbers of what waits for a person, by the name of `BadgesOutput`."""
