"""How chat reacts to what happens in lower apps."""

from chat.selectors import chat_partners
from soukloop.realtime.presence import contacts

contacts.register(chat_partners)
