"""Rules of the marketplace, live streams and sockets; the defaults are the contract's."""

from datetime import timedelta

from soukloop.settings.environment import env

# Older apps ask their users to update them.
MINIMUM_APP_VERSIONS = {
    "ios": env.str("MINIMUM_IOS_VERSION", default="1.0.0"),
    "android": env.str("MINIMUM_ANDROID_VERSION", default="1.0.0"),
    "web": env.str("MINIMUM_WEB_VERSION", default="1.0.0"),
}
CURRENCY = "AED"
CURRENCIES = ["AED"]
FEE_RATES = {"community": "0.05", "discover": "0.15"}
PRICE_MAX = "9999999.99"
ACTIVE_PRODUCTS_MAX = 50
PRODUCT_IMAGES_MAX = 10
PRODUCT_TAGS_MAX = 20
COMMUNITY_RADIUS_KM = 5
COMMUNITY_RADIUS_KM_MAX = 100
LOCATION_OFFSET_MAX_M = 250
FEED_POOL_SIZE = env.int("FEED_POOL_SIZE", default=8)  # simultaneous feed and search queries per process
TOTAL_COUNTED_MAX = 1000  # totals are counted up to this number; above it, `total_is_exact` is false
PAGE_DEPTH_MAX = 10_000  # items that can be reached by `page`; `cursor` has no limit
SEARCH_CONSIDERED_MAX = 2000  # the newest matches, which are ranked and counted in facets
SEARCH_QUERY_MAX_LENGTH = 200
PEOPLE_SEARCH_MIN_LENGTH = 2
PEOPLE_FOUND_MAX = 500  # of people who have a name in common, which are ranked
PRICE_FACETS = [100, 250, 500, 1000, 2500, 5000, 10_000]
THUMBNAIL_SIDE = 480
CATEGORIES_CACHE_TTL = timedelta(minutes=5)
PRODUCT_VIEWS_PERIOD = timedelta(days=1)  # a person's views of a product in it are counted once
PRODUCT_VIEWS_PER_ADDRESS = 50  # browsers of people who aren't logged in, counted per product and address
# People are notified of a favourite that costs this much less than its lowest price in the time before.
PRICE_DROP_MIN_PERCENT = 5
PRICE_HISTORY_KEPT_FOR = timedelta(days=30)
PRICE_DROP_DELAY = timedelta(minutes=2)  # in which a mistyped price can be corrected
PRICE_DROP_NOTICE_EVERY = timedelta(days=1)
OFFER_TTL = timedelta(hours=24)
# A buyer's new offer on a product pays at least the fee of their earlier offers on it.
OFFER_FEE_KEPT_FOR = timedelta(days=7)
OFFERS_PER_BUYER_AND_PRODUCT_PER_DAY = 5
# An offer below the seller's minimum price is declined after a random time between these two.
OFFER_AUTO_DECLINE_AFTER_MIN = timedelta(minutes=10)
OFFER_AUTO_DECLINE_AFTER_MAX = timedelta(minutes=60)
OFFER_REMINDER_BEFORE = timedelta(hours=2)
# People whom one account may write or make an offer to for the first time in 24 hours.
STRANGERS_CONTACTED_PER_DAY = 50
STRANGERS_CONTACTED_PER_DAY_UNCONFIRMED = 10  # by an account without a confirmed contact
MESSAGE_MAX_LENGTH = 4000
MESSAGE_EDITABLE_SECONDS = 15 * 60  # in which a sender may edit or delete a message
CATCH_UP_MAX = 300
TYPING_TTL = timedelta(seconds=5)

HOME_LIVE_STREAMS_MAX = 10
STREAM_PRODUCTS_MAX = 50
STREAM_MODERATORS_MAX = 50
STREAM_CLIPS_MAX = 20
STREAM_CHAT_MAX_LENGTH = 500
STREAM_CHAT_HISTORY = 100
STREAM_REACTIONS = ["❤️", "🔥", "👍", "😂", "😮", "👏", "🎉", "💎"]
STREAM_RECONNECT_WINDOW = timedelta(seconds=60)
STREAM_NEVER_PUBLISHED_AFTER = timedelta(minutes=30)  # a live stream without any encoder ends after this time
# How long the media server uses the answer whether a viewer may watch, and how long while it gets no other.
STREAM_PLAYBACK_CHECKED_EVERY = timedelta(seconds=30)
# Short, because somebody who follows again expects the video at once. nginx adds up to a second.
STREAM_PLAYBACK_REFUSAL_KEPT = timedelta(seconds=1)
STREAM_PLAYBACK_UNCHECKED_MAX = timedelta(minutes=10)
STREAM_VIEWER_TTL = timedelta(seconds=60)  # a viewer without a heartbeat for this long has disconnected
STREAM_COUNTERS_KEPT_FOR = timedelta(hours=1)  # in Redis, once the stream is over
STREAM_NEIGHBORHOOD_RADIUS_KM = 5
STREAM_FOLLOWERS_NOTIFIED_EVERY = timedelta(minutes=10)  # per seller; a stream within this time notifies none
STREAM_NEIGHBOURS_NOTIFIED_EVERY = timedelta(hours=12)  # per seller
STREAM_NEIGHBOUR_NOTICES_PER_DAY = 5  # that one person receives, of all sellers
STREAM_SCHEDULED_AHEAD_MAX = timedelta(days=180)
STREAM_SCHEDULE_NOTICE_EVERY = timedelta(hours=1)  # per stream, whose time may be changed more often
STREAM_SCHEDULES_TOLD_MAX = 3  # streams a day of whose time a seller's followers are notified
STREAM_ANNOUNCEMENTS_KEPT_FOR = timedelta(days=2)  # at least as long as the three limits above look back

SOCKET_AUTHENTICATOR = "accounts.authentication.authenticate_sockets"
SOCKET_SESSION_CHECKER = "accounts.authentication.socket_end_reasons"
# How often each process asks the database whether the logins of its sockets have ended; so they are closed
# within two seconds even while Redis is unavailable.
SOCKET_SESSION_CHECK = timedelta(seconds=1)
SOCKET_FRAME_MAX_BYTES = 64 * 1024
SOCKETS_PER_USER_MAX = env.int("SOCKETS_PER_USER_MAX", default=30)  # in one web process
# Of guests, in one web process. Thousands of people share the address of a mobile operator.
SOCKET_GUESTS_MAX = env.int("SOCKET_GUESTS_MAX", default=5_000)
SOCKET_GUESTS_PER_ADDRESS_MAX = env.int("SOCKET_GUESTS_PER_ADDRESS_MAX", default=1_000)
# What one socket may send: 32 KiB a second, 128 KiB at once. Each frame costs 256 bytes beside its own.
SOCKET_BYTES_PER_SECOND = 32 * 1024
SOCKET_BYTES_BURST = 128 * 1024
SOCKET_FRAME_COST = 256
SOCKET_QUEUE_MAX = 256  # frames waiting for one slow client
SOCKET_COMMAND_THREADS = 16
SOCKET_TICK = timedelta(milliseconds=250)
SOCKET_RECONNECT_SPREAD = timedelta(seconds=30)  # over which clients return after a restart
SOCKET_HEARTBEAT = timedelta(seconds=20)
PRESENCE_TTL = timedelta(seconds=60)
LAST_SEEN_KEPT_FOR = timedelta(days=30)  # when somebody was last connected, in Redis
OUTBOX_SWEEP_EVERY = timedelta(seconds=1)
OUTBOX_SWEEP_AFTER = timedelta(seconds=3)  # what its own process has not published by then, another publishes
OUTBOX_KEPT_FOR = timedelta(minutes=10)  # what could not be published by then is deleted
