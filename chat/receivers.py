"""Callbacks that chat registers with hooks of lower apps."""

from chat.notification_kinds import MESSAGE_NEW
from chat.selectors import attended_pushes, chat_partners
from notifications.kinds import register_attended_check
from soukloop.realtime.presence import contacts

contacts.register(chat_partners)
register_attended_check(MESSAGE_NEW, attended_pushes)
