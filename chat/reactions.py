"""How chat reacts to what happens in lower apps."""

from chat.selectors import acquaintances
from soukloop.realtime.presence import contacts

contacts.register(acquaintances)
