"""How notifications react to changes in accounts."""

from accounts.hooks import account_closed
from notifications.services.inbox import enqueue_removing_name

account_closed.register(enqueue_removing_name)
