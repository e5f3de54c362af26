"""When the other person was last seen, and who may know."""

from typing import Any, cast

import pytest

from accounts.tests.factories import block, client_for
from chat.models import Conversation
from chat.tests.factories import make_conversation, session_of
from soukloop.core.redis.client import redis_client
from soukloop.realtime import keys, presence

pytestmark = pytest.mark.django_db
URL = "/api/v1/conversations"


def connect_and_leave(person: Any) -> None:
    connection = session_of(person)
    presence.add_connections([connection])
    presence.remove_connection(connection)


def other_user(conversation: Conversation, viewer: Any) -> dict[str, Any]:
    data = client_for(viewer).get(f"{URL}/{conversation.pk}").json()["data"]
    return cast(dict[str, Any], data["other_user"])


def test_the_other_person_is_online_or_was_last_seen_at_a_time() -> None:
    conversation = make_conversation()
    buyer, seller = conversation.buyer, conversation.seller
    assert other_user(conversation, buyer) | {"is_online": False, "last_seen": None} == other_user(
        conversation, buyer
    )
    connection = session_of(seller)
    presence.add_connections([connection])
    assert other_user(conversation, buyer)["is_online"] is True
    assert other_user(conversation, buyer)["last_seen"] is None
    presence.remove_connection(connection)
    shown = other_user(conversation, buyer)
    assert shown["is_online"] is False
    assert shown["last_seen"].endswith("Z")
    listed = client_for(buyer).get(URL).json()["data"]["items"][0]["other_user"]
    assert listed["last_seen"] == shown["last_seen"]


def test_people_blocked_for_each_other_do_not_see_when_the_other_was_there() -> None:
    conversation = make_conversation()
    connect_and_leave(conversation.seller)
    block(conversation.seller, conversation.buyer)
    assert other_user(conversation, conversation.buyer)["last_seen"] is None


def test_a_closed_account_is_not_shown_as_seen() -> None:
    conversation = make_conversation()
    connect_and_leave(conversation.seller)
    type(conversation.seller).objects.filter(pk=conversation.seller_id).update(
        is_active=False, banned_at="2026-01-01T00:00:00Z"
    )
    assert other_user(conversation, conversation.buyer)["last_seen"] is None


def test_somebody_whose_process_was_killed_was_last_seen_at_the_last_heartbeat() -> None:
    conversation = make_conversation()
    seller = conversation.seller
    presence.add_connections([session_of(seller)])
    redis_client().zadd(keys.PRESENCE, {str(seller.pk): 1_700_000_000_000})
    redis_client().zadd(keys.LAST_SEEN, {"somebody": 1})
    presence.expire_silent_users()
    # Older than LAST_SEEN_KEPT_FOR, so the next sweep forgets it.
    seen = presence.seen_among([seller.pk])[seller.pk]
    assert seen.last_at is not None
    assert seen.last_at.timestamp() == 1_700_000_000
    assert redis_client().zscore(keys.LAST_SEEN, "somebody") is None
    presence.expire_silent_users()
    assert presence.seen_among([seller.pk]) == {}
