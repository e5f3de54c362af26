"""Registers the functions that listings call when accounts change."""

from accounts.hooks import account_closed, account_reopened, user_blocked
from listings.hooks import product_withdrawn
from listings.services import mark_seller_closed, mark_seller_open
from listings.services.images import add_sizes_to_products
from listings.services.watchers import remove_blocked_watchers, remove_watchers, remove_watchers_of_seller
from soukloop.core.images.earlier import earlier_pictures

account_closed.register(mark_seller_closed)
account_closed.register(remove_watchers_of_seller)
account_reopened.register(mark_seller_open)
user_blocked.register(remove_blocked_watchers)
product_withdrawn.register(remove_watchers)
earlier_pictures.register(add_sizes_to_products)
