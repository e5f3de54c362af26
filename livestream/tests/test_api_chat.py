"""The chat of a stream over REST: reading, rules, moderation."""

from uuid import uuid4

import pytest

from accounts.tests.factories import client_for, make_user
from livestream.serializers.inputs import ChatInput
from livestream.services.chat import post_message
from livestream.tests.factories import make_live_stream

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", ["limit", "per_page"])
def test_a_page_of_chat_has_from_1_to_100_messages(name: str) -> None:
    stream = make_live_stream()
    client = client_for(stream.seller)
    for number in range(3):
        post_message(actor=stream.seller, stream_id=stream.pk, message=f"Message {number}")
    url = f"/api/v1/streams/{stream.pk}/chat"
    for value in (0, 101, -1, "all"):
        response = client.get(url, {name: value})
        assert (response.status_code, list(response.json()["error"]["details"])) == (400, [name])
    assert len(client.get(url, {name: 2}).json()["data"]["items"]) == 2


def test_an_unknown_chat_rule_is_refused() -> None:
    stream = make_live_stream()
    url = f"/api/v1/streams/{stream.pk}/chat"
    refused = client_for(stream.seller).patch(url, {"slow_mode": 30})
    assert refused.status_code == 400
    assert refused.json()["error"]["details"] == {
        "non_field_errors": [
            "Nothing to change. Send at least one of these fields: enable_chat, slow_mode_seconds."
        ]
    }


@pytest.mark.parametrize("path", ["/mutes", "/moderators"])
def test_moderating_an_ended_stream_is_a_conflict_with_a_clear_message(path: str) -> None:
    stream = make_live_stream()
    client, url = client_for(stream.seller), f"/api/v1/streams/{stream.pk}"
    client.post(f"{url}/end")
    error = client.post(f"{url}{path}", {"user_id": str(make_user().pk)}).json()["error"]
    assert error["code"] == "stream_not_live"
    assert error["message"] == "This stream has ended."


@pytest.mark.parametrize("text", ["\u202e", "\u200b\u200b", "\u2060 \u200d", "\u3164"])
def test_an_invisible_message_is_refused(text: str) -> None:
    shape = ChatInput(data={"stream_id": str(uuid4()), "message": text})
    assert not shape.is_valid()
    assert list(shape.errors) == ["message"]
    for visible in ("\u202eolleh", "❤️", "two\nlines", "👩\u200d🍳"):
        assert ChatInput(data={"stream_id": str(uuid4()), "message": visible}).is_valid(), visible
