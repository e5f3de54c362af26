"""Events for tests, one of each kind."""

from typing import Any

from soukloop.realtime.events import EventSpec, Merge, declare_event


def _count(data: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"count": sum(each.get("count", 1) for each in data)}]


declare_event(EventSpec("probe:said", "An ordinary event.", {"n": 1}, rooms=("stream",)))
declare_event(EventSpec("probe:ticked", "An ephemeral event.", {"n": 1}, rooms=("stream",), ephemeral=True))
declare_event(
    EventSpec(
        "probe:reacted",
        "An event that is merged when it is frequent.",
        {"count": 1},
        rooms=("stream",),
        merge=Merge(20, _count),
    )
)
declare_event(EventSpec("probe:joined", "Sent to one connection.", {"room": "stream.1"}))
declare_event(
    EventSpec("probe:left", "Published by the leave hook.", {"room": "stream.1"}, rooms=("product",))
)
