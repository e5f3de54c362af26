"""Callbacks that chat registers with hooks of lower apps."""

from chat.selectors import chat_partners
from soukloop.realtime.presence import contacts

contacts.register(chat_partners)
