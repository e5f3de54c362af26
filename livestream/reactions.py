"""How live streams react to changes in lower apps."""

from accounts.hooks import account_closed, user_blocked, user_unfollowed
from listings import hooks
from livestream.rooms import room_showing
from livestream.selectors.lists import live_counts_by_category
from livestream.services.products import product_withdrawn
from livestream.services.rooms import see_out_blocked, see_out_unfollowed
from livestream.services.streams import close_streams_of

account_closed.register(close_streams_of)
user_blocked.register(see_out_blocked)
user_unfollowed.register(see_out_unfollowed)
hooks.product_withdrawn.register(product_withdrawn)
hooks.room_showing_product.register(room_showing)
hooks.live_stream_counter.register(live_counts_by_category)
