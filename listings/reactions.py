"""How listings react to changes in lower apps."""

from accounts.hooks import account_closed, account_reopened
from listings.services import close_seller, reopen_seller

account_closed.register(close_seller)
account_reopened.register(reopen_seller)
