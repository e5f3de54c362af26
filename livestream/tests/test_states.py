"""The full matrix of streams: each action in each status."""

import pytest

from livestream import states
from livestream.models import Stream
from soukloop.core.errors import Conflict

LEADS_TO = {
    ("go_live", "scheduled"): "live",
    ("end", "live"): "ended",
    ("cancel", "scheduled"): "cancelled",
}
ALLOWED = {
    "change_settings": {"scheduled"},
    "change_products": {"scheduled", "live"},
    "tag_product": {"live"},
    "click_product": {"live", "ended"},
    "rotate_key": {"live"},
    "join": {"live"},
    "chat": {"live"},
    "react": {"live"},
    "moderate": {"scheduled", "live"},
    "delete_message": {"live", "ended"},
}


@pytest.mark.parametrize("status", Stream.Status.values)
@pytest.mark.parametrize("action", states.TRANSITIONS)
def test_only_the_listed_transitions_are_possible(action: str, status: str) -> None:
    stream = Stream(status=status)
    target = LEADS_TO.get((action, status))
    if target:
        states.apply_action(stream, action)
        assert stream.status == target
        return
    with pytest.raises(Conflict):
        states.apply_action(stream, action)
    assert stream.status == status


@pytest.mark.parametrize("status", Stream.Status.values)
@pytest.mark.parametrize("action", states.ALLOWED_IN)
def test_an_action_is_allowed_only_in_its_listed_statuses(action: str, status: str) -> None:
    stream = Stream(status=status)
    if status in ALLOWED[action]:
        states.require_allowed(stream, action)
    else:
        with pytest.raises(Conflict):
            states.require_allowed(stream, action)
    assert stream.status == status
