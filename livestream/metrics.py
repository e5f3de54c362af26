"""Metrics of live streams: how many there are, what their encoders send, what the packager had to give up."""

from soukloop.core.metrics import counter, gauge
from soukloop.core.metrics.database import declare_database_gauge

declare_database_gauge(
    "souk_streams_live", "Live streams.", "SELECT count(*) FROM livestream_stream WHERE status = 'live'"
)
declare_database_gauge(
    "souk_streams_without_encoder",
    "Live streams without a connected encoder: not yet, or not any more.",
    """
    SELECT count(*) FROM livestream_stream stream WHERE status = 'live' AND NOT EXISTS (
        SELECT 1 FROM livestream_publisherconnection WHERE stream_id = stream.id AND lost_at IS NULL
    )
    """,
)
BROADCASTS = gauge("souk_ingest_broadcasts", "Broadcasts whose recordings the packager measures.")
WARNINGS = gauge(
    "souk_ingest_warnings",
    "Broadcasts with a warning about what their encoder sends, by warning; no_media: nothing arrives.",
    ("warning",),
)
PACKAGED = gauge("souk_packager_broadcasts", "Broadcasts that the packager makes segments of.")
TRANSCODERS_FREE = gauge(
    "souk_packager_transcoders_free", "Broadcasts that could still get smaller renditions."
)
RENDITIONS_GIVEN_UP = counter(
    "souk_packager_renditions_given_up",
    "Broadcasts that lost their smaller renditions, for want of a processor.",
)
GIVEN_UP = counter("souk_packager_broadcasts_given_up", "Broadcasts whose packaging ended with an error.")
DISK_FREE = gauge("souk_media_disk_free_bytes", "Free bytes on the disk of recordings and segments.")
