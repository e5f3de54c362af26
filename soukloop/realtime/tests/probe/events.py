"""Events for tests, one of each kind."""

from typing import Any

from rest_framework import serializers

from soukloop.realtime.events import EventSpec, Merge, declare_event


class ProbeOutput(serializers.Serializer[Any]):
    n = serializers.IntegerField(required=False)
    padding = serializers.CharField(required=False)
    count = serializers.IntegerField(required=False)
    seq = serializers.IntegerField(required=False)


class ProbeRoomOutput(serializers.Serializer[Any]):
    room = serializers.CharField()
    userId = serializers.UUIDField(required=False, allow_null=True)


def _count(data: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"count": sum(each.get("count", 1) for each in data)}]


declare_event(EventSpec("probe:said", "An ordinary event.", ProbeOutput, {"n": 1}, rooms=("stream",)))
declare_event(
    EventSpec("probe:ticked", "An ephemeral event.", ProbeOutput, {"n": 1}, rooms=("stream",), ephemeral=True)
)
declare_event(
    EventSpec(
        "probe:reacted",
        "An event that is merged when it is frequent.",
        ProbeOutput,
        {"count": 1},
        rooms=("stream",),
        merge=Merge(20, _count),
    )
)
declare_event(EventSpec("probe:joined", "Sent to one connection.", ProbeRoomOutput, {"room": "stream.1"}))
declare_event(
    EventSpec(
        "probe:left",
        "Published by the leave hook.",
        ProbeRoomOutput,
        {"room": "stream.1"},
        rooms=("product",),
    )
)
