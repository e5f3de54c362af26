"""The stable codes of this app's errors."""

from soukloop.core.error_codes import ErrorCode


class LivestreamErrorCode(ErrorCode):
    """Explained in docs/errors.md."""

    STREAM_NOT_FOUND = "stream_not_found"
    REPLAY_NOT_FOUND = "replay_not_found"
    CLIP_NOT_FOUND = "clip_not_found"
    PRODUCT_NOT_IN_STREAM = "product_not_in_stream"
    NOT_YOUR_STREAM = "not_your_stream"
    FOLLOWERS_ONLY = "followers_only"
    CHAT_DISABLED = "chat_disabled"
    MUTED = "muted"
    NOT_A_MODERATOR = "not_a_moderator"
    HOST_CANNOT_BE_MUTED = "host_cannot_be_muted"
    ALREADY_LIVE = "already_live"
    NO_VIDEO_TO_CLIP = "no_video_to_clip"
    TOO_MANY_CLIPS = "too_many_clips"
    NO_REPLAY_TO_WITHDRAW = "no_replay_to_withdraw"
    REPLAY_NOT_REPEATABLE = "replay_not_repeatable"
    MEDIA_STORAGE_FULL = "media_storage_full"
    MEDIA_STORAGE_UNWRITABLE = "media_storage_unwritable"
    STREAM_NOT_LIVE = "stream_not_live"
    STREAM_NOT_SCHEDULED = "stream_not_scheduled"
    STREAM_PRODUCTS_LIMIT = "stream_products_limit"
    MODERATORS_LIMIT = "moderators_limit"
    STREAM_KEY_REFUSED = "stream_key_refused"
    ALREADY_PUBLISHING = "already_publishing"
