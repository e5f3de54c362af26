"""Callbacks that chat registers with hooks of lower apps."""

from chat.notification_kinds import MESSAGE_NEW
from chat.selectors import attended_pushes, chat_partners, dealings_about
from chat.services.pictures import add_sizes_to_messages
from listings.hooks import viewer_dealings
from notifications.kinds import register_attended_check
from soukloop.core.images.earlier import earlier_pictures
from soukloop.realtime.presence import contacts

contacts.register(chat_partners)
viewer_dealings.register(dealings_about)
register_attended_check(MESSAGE_NEW, attended_pushes)
earlier_pictures.register(add_sizes_to_messages)
