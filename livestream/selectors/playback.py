"""Reads of who may watch a stream's video: the addresses that are handed out, and the check of their use."""

from uuid import UUID

from django.conf import settings

from livestream import access
from livestream.media.addresses import MediaAddresses
from livestream.media.playback_tokens import read_token
from livestream.models import Replay, Stream
from soukloop.core.db.clock import database_now


def media_addresses(stream: Stream, viewer_id: UUID | None) -> MediaAddresses | None:
    """Return the addresses of a stream's video for a viewer, who is allowed to watch it.

    Those of a stream for everyone are the same for all viewers, so that a CDN can cache the video. Without a
    viewer, as in an event for a room, there are none for a followers-only stream.
    """
    if stream.audience == Stream.Audience.EVERYONE:
        return MediaAddresses(stream.public_id, viewer_id=None)
    return MediaAddresses(stream.public_id, viewer_id=viewer_id) if viewer_id else None


def is_video_withdrawn(stream: Stream) -> bool:
    """Return whether nobody may watch a stream's video: it was withdrawn, or staff ended the stream."""
    replay = getattr(stream, "replay", None)
    has_withdrawn_replay = replay is not None and replay.state == Replay.State.WITHDRAWN
    return has_withdrawn_replay or stream.end_reason == Stream.EndReason.STAFF


def is_playable(*, token: str, kind: str, public_id: str) -> bool:
    """Return whether the media server may serve files of a stream to the holder of a token.

    `kind` is `live`, `vods` or `clips`. The live files of an ended stream are served for as long as they are
    kept, so that players come to the end, unless staff ended it.
    """
    found = read_token(token, public_id)
    if found is None:
        return False
    playable = access.playable_stream(found.viewer_id, public_id)
    if playable is None:
        return False
    stream, replay_state = playable
    match kind:
        case "live":
            return _has_live_files(stream)
        case "clips":  # as soon as they are made
            if stream.end_reason == Stream.EndReason.STAFF:
                return False
            return replay_state not in (None, Replay.State.WITHDRAWN)
    return replay_state == Replay.State.READY and stream.end_reason != Stream.EndReason.STAFF


def _has_live_files(stream: Stream) -> bool:
    if stream.is_live:
        return True
    return (
        stream.ended_at is not None
        and stream.end_reason not in (Stream.EndReason.STAFF, Stream.EndReason.ACCOUNT_CLOSED)
        and database_now() - stream.ended_at < settings.BROADCAST_KEPT_AFTER_END
    )
