"""How offers react to changes in lower apps."""

from accounts.hooks import account_closed, user_blocked
from listings.hooks import product_withdrawn, sold_viewer_check
from offers.access import has_bought
from offers.services import closing

account_closed.register(closing.end_offers_of)
user_blocked.register(closing.end_offers_between)
product_withdrawn.register(closing.close_offers_of_product)
sold_viewer_check.register(has_bought)
