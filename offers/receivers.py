"""Registers the functions that offers call when accounts or listings change."""

from accounts.hooks import account_closed, user_blocked
from listings.hooks import product_withdrawn, sold_viewer_check, viewer_dealings
from offers.access import has_bought
from offers.selectors import dealings_about
from offers.services import closing

account_closed.register(closing.enqueue_closing_for_account)
user_blocked.register(closing.enqueue_closing_between)
product_withdrawn.register(closing.close_offers_of_product)
sold_viewer_check.register(has_bought)
viewer_dealings.register(dealings_about)
