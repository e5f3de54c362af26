"""Events that belong to no app: connections, errors and presence."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from soukloop.realtime.events import ANY_ROOM, EventSpec, declare_event

_USER_ID = "6f1c2d1e-8d0b-4a52-9f0c-0a6f3a2b7c11"


class ConnectedOutput(serializers.Serializer[None]):
    userId = serializers.UUIDField(allow_null=True, help_text="Null for a guest")
    username = serializers.CharField(allow_null=True, help_text="Null for a guest")
    guest = serializers.BooleanField(help_text="Whether the handshake had no token")
    connectionId = serializers.CharField()
    serverTime = serializers.DateTimeField()


@extend_schema_field({"$ref": "#/components/schemas/ErrorCode"})
class ErrorCodeField(serializers.CharField):
    """One of all error codes."""


class SocketErrorOutput(serializers.Serializer[None]):
    event = serializers.CharField(required=False, help_text="The command, if there was one")
    code = ErrorCodeField()
    message = serializers.CharField(help_text="For people")
    details = serializers.DictField()


class ResyncOutput(serializers.Serializer[None]):
    room = serializers.CharField()


class ServerShutdownOutput(serializers.Serializer[None]):
    reconnectAfterMs = serializers.IntegerField(min_value=0)


class UserPresenceOutput(serializers.Serializer[None]):
    userId = serializers.UUIDField()
    username = serializers.CharField()
    timestamp = serializers.DateTimeField()


CONNECTED = declare_event(
    EventSpec(
        "connected",
        "The connection is open. This is its first event.",
        ConnectedOutput,
        {
            "userId": "0d3ab0a5-5c07-4b6d-9d56-0b8a0a3c6a01",
            "username": "testbuyer",
            "guest": False,
            "connectionId": "c4b1f2a97d8e4c0f9a7f6f0e2d1c3b5a",
            "serverTime": "2025-10-18T10:00:00Z",
        },
        rooms=(),
        for_guests=True,
    )
)
ERROR = declare_event(
    EventSpec(
        "error",
        "A command without an acknowledgement was refused, or the connection is about to be closed. "
        "`code`, `message` and `details` are those of REST; `event` names the command, if there was one.",
        SocketErrorOutput,
        {
            "event": "unknown:command",
            "code": "unknown_event",
            "message": "Unknown command.",
            "details": {"event": "unknown:command"},
        },
        rooms=(),
        for_guests=True,
    )
)
RESYNC = declare_event(
    EventSpec(
        "resync",
        "Events of this room may have been lost while the server had no connection to Redis. "
        "Join the room again with `after_seq`, or read REST.",
        ResyncOutput,
        {"room": f"user.{_USER_ID}"},
        rooms=ANY_ROOM,
        for_guests=True,
    )
)
SERVER_SHUTDOWN = declare_event(
    EventSpec(
        "server:shutdown",
        "The server stops, and closes the connection next (WebSocket: code 1012). Connect again after "
        "`reconnectAfterMs`, which differs for each connection, so that not all of them come back at once.",
        ServerShutdownOutput,
        {"reconnectAfterMs": 12400},
        rooms=(),
        for_guests=True,
    )
)
USER_ONLINE = declare_event(
    EventSpec(
        "user:online",
        "A contact has come online. Your contacts are the people you share a conversation with.",
        UserPresenceOutput,
        {"userId": _USER_ID, "username": "testseller", "timestamp": "2025-10-18T10:00:00Z"},
    )
)
USER_OFFLINE = declare_event(
    EventSpec(
        "user:offline",
        "A contact's last connection was closed.",
        UserPresenceOutput,
        {"userId": _USER_ID, "username": "testseller", "timestamp": "2025-10-18T10:05:00Z"},
    )
)
