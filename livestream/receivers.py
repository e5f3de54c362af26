"""Registers the functions that live streams call when accounts or listings change or ask for data."""

from accounts.hooks import account_closed, account_reopened, user_blocked, user_unfollowed
from listings import hooks
from livestream.rooms import room_showing
from livestream.selectors.evidence import videos_showing
from livestream.selectors.streams import live_counts_by_category
from livestream.services.chat import remove_blocked_moderators
from livestream.services.products import remove_withdrawn_product
from livestream.services.streams import close_streams_of
from livestream.services.viewers import remove_blocked_viewers, remove_unfollowed_viewer
from livestream.services.withdrawn_replays import restore_replays_of
from orders.hooks import stream_evidence

account_closed.register(close_streams_of)
stream_evidence.register(videos_showing)
account_reopened.register(restore_replays_of)
user_blocked.register(remove_blocked_viewers)
user_blocked.register(remove_blocked_moderators)
user_unfollowed.register(remove_unfollowed_viewer)
hooks.product_withdrawn.register(remove_withdrawn_product)
hooks.room_showing_product.register(room_showing)
hooks.live_stream_counter.register(live_counts_by_category)
