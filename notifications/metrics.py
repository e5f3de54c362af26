"""Metrics of push notifications: how many wait to be sent."""

from soukloop.core.metrics.database import declare_database_gauge

declare_database_gauge(
    "souk_pushes_waiting",
    "Pushes that a sender may send now.",
    "SELECT count(*) FROM notifications_push WHERE status = 'pending' AND not_before <= now()",
)
declare_database_gauge(
    "souk_pushes_oldest_waiting_seconds",
    "How long the push that has waited longest could have been sent.",
    """
    SELECT extract(epoch FROM coalesce(now() - min(not_before), '0')) FROM notifications_push
    WHERE status = 'pending' AND not_before <= now()
    """,
)
