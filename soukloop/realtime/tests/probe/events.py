"""An event of each kind."""

from typing import Any

from soukloop.realtime.events import EventSpec, Merge, declare_event


def _count(data: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"count": sum(each.get("count", 1) for each in data)}]


declare_event(EventSpec("probe:said", "Something lasting.", {"n": 1}, rooms=("stream",)))
declare_event(EventSpec("probe:ticked", "Something ephemeral.", {"n": 1}, rooms=("stream",), ephemeral=True))
declare_event(
    EventSpec(
        "probe:reacted", "Something that storms.", {"count": 1}, rooms=("stream",), merge=Merge(20, _count)
    )
)
declare_event(EventSpec("probe:joined", "Only to oneself.", {"room": "stream.1"}))
declare_event(EventSpec("probe:left", "Told by the hook.", {"room": "stream.1"}, rooms=("product",)))
