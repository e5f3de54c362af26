"""Metrics of sockets: how many there are, what they are sent, which are dropped, what waits in the outbox."""

from prometheus_client import Counter, Histogram

from soukloop.core.metrics import counter, gauge, histogram
from soukloop.core.metrics.database import declare_database_gauge

TRANSPORTS = ("websocket", "socketio_websocket", "socketio_polling")

SOCKETS = gauge("souk_sockets", "Open sockets, by transport.", ("transport",))
ROOMS = gauge(
    "souk_rooms", "Rooms with members, by kind; once for each process with members in it.", ("kind",)
)
DELIVERIES = counter(
    "souk_socket_deliveries", "Events sent to sockets: one for each socket that one goes to."
)
EVENTS_DROPPED = counter(
    "souk_socket_events_dropped", "Events that were dropped for sockets that read too slowly; all ephemeral."
)
SOCKETS_CLOSED = counter(
    "souk_sockets_closed",
    "Sockets closed by the server, by code: 4008 reads too slowly, 4401 login ended, 4429 sends too much.",
    ("code",),
)
PUBLISHED = counter(
    "souk_events_published", "Events given to Redis, by result: sent, failed, or dropped.", ("result",)
)
COMMANDS = counter("souk_socket_commands", "Commands of sockets, by name and result.", ("command", "result"))
COMMAND_SECONDS = histogram(
    "souk_socket_command_duration_seconds", "How long commands of sockets took.", ("command",)
)

_series: dict[tuple[str, str], tuple[Counter, Histogram]] = {}


def count_command(name: str, result: str, seconds: float) -> None:
    """Count a command by a name and a result that are ours, never a client's."""
    series = _series.get((name, result))
    if series is None:
        series = COMMANDS.labels(name, result), COMMAND_SECONDS.labels(name)
        _series[name, result] = series
    series[0].inc()
    series[1].observe(seconds)


declare_database_gauge(
    "souk_outbox_entries",
    "Transactions whose events are not yet known to be published.",
    "SELECT count(*) FROM realtime_outboxentry",
)
declare_database_gauge(
    "souk_outbox_oldest_seconds",
    "Age of the oldest entry of the outbox.",
    "SELECT extract(epoch FROM coalesce(clock_timestamp() - min(created_at), '0')) FROM realtime_outboxentry",
)
