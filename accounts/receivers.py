"""Callbacks that accounts register with hooks of the core."""

from accounts.services.profiles import add_sizes_to_avatars
from soukloop.core.images.earlier import earlier_pictures

earlier_pictures.register(add_sizes_to_avatars)
