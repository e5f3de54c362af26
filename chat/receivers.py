"""Callbacks that chat registers with hooks of lower apps."""

from accounts.hooks import account_closed
from chat.selectors import chat_partners
from chat.services.closed_accounts import enqueue_removing_name
from soukloop.realtime.presence import contacts

account_closed.register(enqueue_removing_name)
contacts.register(chat_partners)
