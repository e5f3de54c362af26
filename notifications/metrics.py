"""Metrics of push notifications: how many wait to be sent."""

from soukloop.core.metrics.database import declare_database_gauge

declare_database_gauge(
    "souk_pushes_waiting",
    "Pushes that are due, those that a push service has not taken yet included.",
    """
    SELECT count(*) FROM notifications_push
    WHERE status = 'pending' AND (not_before <= now() OR attempts > 0)
    """,
)
declare_database_gauge(
    "souk_pushes_oldest_waiting_seconds",
    "How long the push that has waited longest is due.",
    # Each attempt that a push service doesn't take moves the time of the next one.
    """
    SELECT extract(epoch FROM coalesce(now() - min(
        CASE WHEN push.attempts > 0 THEN notification.created_at ELSE push.not_before END
    ), '0'))
    FROM notifications_push AS push
    JOIN notifications_notification AS notification ON notification.id = push.notification_id
    WHERE push.status = 'pending' AND (push.not_before <= now() OR push.attempts > 0)
    """,
)
