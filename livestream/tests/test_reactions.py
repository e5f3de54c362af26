"""Reactions: counted in Redis, saved in PostgreSQL."""

from typing import Any

import pytest
from django.conf import settings

from accounts.models import User
from livestream.models import ChatMessage, ReactionTotal, Stream
from livestream.services import reactions, streams
from livestream.tests.factories import post_chat_message
from soukloop.core.errors import Conflict
from soukloop.core.redis.client import redis_client

pytestmark = pytest.mark.django_db


def test_reactions_are_counted_published_and_saved(
    stream: Stream, viewer: User, captured_events: Any
) -> None:
    assert reactions.send_reaction(actor=viewer, stream_id=stream.pk, emoji="❤️") == 1
    assert reactions.send_reaction(actor=viewer, stream_id=stream.pk, emoji="❤️") == 2
    reactions.send_reaction(actor=viewer, stream_id=stream.pk, emoji="🔥")
    assert captured_events[0] == (
        f"stream.{stream.pk}",
        "reaction:new",
        {"streamId": str(stream.pk), "emoji": "❤️", "userId": str(viewer.pk), "count": 1},
    )
    assert redis_client().hgetall(f"stream:{stream.pk}:reactions") == {
        "❤️".encode(): b"2",
        "🔥".encode(): b"1",
    }
    reactions.persist_reaction_totals(stream_id=stream.pk)
    stream.refresh_from_db()
    assert stream.total_likes == 3
    assert dict(ReactionTotal.objects.values_list("emoji", "count")) == {"❤️": 2, "🔥": 1}


def test_reactions_continue_from_the_saved_totals_when_redis_loses_its_data(
    stream: Stream, viewer: User
) -> None:
    for _ in range(5):
        reactions.send_reaction(actor=viewer, stream_id=stream.pk, emoji="🔥")
    reactions.persist_reaction_totals(stream_id=stream.pk)
    redis_client().flushdb()
    reactions.persist_reaction_totals(stream_id=stream.pk)
    assert reactions.send_reaction(actor=viewer, stream_id=stream.pk, emoji="🔥") == 6
    redis_client().flushdb()
    streams.end_stream(actor=stream.seller, stream_id=stream.pk)
    stream.refresh_from_db()
    assert stream.total_likes == 5


def test_ending_a_stream_saves_the_counts_in_redis(stream: Stream, viewer: User) -> None:
    for emoji in settings.STREAM_REACTIONS:
        reactions.send_reaction(actor=viewer, stream_id=stream.pk, emoji=emoji)
    ended = streams.end_stream(actor=stream.seller, stream_id=stream.pk)
    assert ended.total_likes == len(settings.STREAM_REACTIONS)
    with pytest.raises(Conflict):
        reactions.send_reaction(actor=viewer, stream_id=stream.pk, emoji="❤️")


def test_a_message_in_an_ended_stream_is_refused(stream: Stream, viewer: User) -> None:
    streams.end_stream(actor=stream.seller, stream_id=stream.pk)
    with pytest.raises(Conflict) as refused:
        post_chat_message(stream, viewer)
    assert refused.value.code == "stream_not_live"
    assert not ChatMessage.objects.exists()
