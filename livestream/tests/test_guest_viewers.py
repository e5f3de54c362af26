"""Guests who watch streams for everyone: they are counted, and get what is public."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from accounts.models import User
from accounts.services import moderation
from accounts.tests.factories import make_staff, make_user
from accounts.tokens import access_token_for
from livestream import commands, live_counts
from livestream.models import Stream, ViewerSession
from livestream.rooms import stream_room
from livestream.services import room_sweeps, streams, viewers
from livestream.tests.factories import make_live_stream, make_stream
from livestream.tests.test_joining_races import Connection
from soukloop.core.errors import DomainError, NotAuthenticated
from soukloop.core.redis.client import redis_client
from soukloop.realtime.publisher import publisher
from soukloop.realtime.sessions import Guest, Session
from soukloop.realtime.testing.servers import ServerProcess
from soukloop.realtime.testing.waiting import wait_until

pytestmark = pytest.mark.django_db


@pytest.fixture
def live_stream() -> Stream:
    return make_live_stream()


def join(stream: Stream, actor: User | None, connection_id: str) -> Stream:
    return viewers.join_stream(actor=actor, stream_id=stream.pk, connection_id=connection_id)


def guest_session(connection: Connection) -> Session:
    connection.session = Session(uuid4().hex, Guest("192.0.2.1"), connection)
    return connection.session


def test_guests_count_as_viewers_and_in_the_peak_but_not_as_unique_viewers(
    live_stream: Stream, captured_events: Any
) -> None:
    viewer, guests = make_user(), [uuid4().hex, uuid4().hex]
    join(live_stream, viewer, uuid4().hex)
    captured_events.clear()
    assert [join(live_stream, None, guest).viewer_count for guest in guests] == [2, 3]
    assert join(live_stream, None, guests[0]).viewer_count == 3  # joined again
    assert [event for _, event, _ in captured_events] == ["viewer:count", "viewer:count"]
    unique = redis_client().smembers(f"stream:{live_stream.pk}:unique_viewers")
    assert unique == {str(viewer.pk).encode()}
    assert ViewerSession.objects.filter(stream=live_stream).count() == 1

    captured_events.clear()
    for _ in range(2):  # a second time changes nothing
        viewers.leave_stream(stream_id=live_stream.pk, user_id=None, connection_id=guests[0])
    room = stream_room(live_stream.pk)
    count = {"streamId": str(live_stream.pk), "viewerCount": 2}
    assert captured_events == [(room, "viewer:count", count)]

    streams.end_stream(actor=live_stream.seller, stream_id=live_stream.pk)
    live_stream.refresh_from_db()
    assert (live_stream.peak_viewers, live_stream.unique_viewers) == (3, 1)


def test_a_sweep_keeps_guests_with_heartbeats_and_removes_those_without(live_stream: Stream) -> None:
    lost, alive = uuid4().hex, uuid4().hex
    join(live_stream, None, lost)
    key = f"stream:{live_stream.pk}:viewers"
    redis_client().zadd(key, {live_counts.viewer_key(None, lost): 1.0})  # its last heartbeat
    viewers.refresh_viewers({live_stream.pk: [(None, alive)]})
    assert room_sweeps.sweep_room(stream_id=live_stream.pk) == 1
    assert live_counts.last_heartbeats(live_stream.pk).keys() == {live_counts.viewer_key(None, alive)}


def test_guests_may_not_join_a_followers_only_or_a_missing_stream() -> None:
    with pytest.raises(NotAuthenticated):
        join(make_live_stream(audience="followers"), None, uuid4().hex)
    for stream_id, code in ((uuid4(), "stream_not_found"), (make_stream().pk, "stream_not_live")):
        with pytest.raises(DomainError) as refused:
            viewers.join_stream(actor=None, stream_id=stream_id, connection_id=uuid4().hex)
        assert refused.value.code == code


def make_followers_only(stream: Stream) -> None:
    Stream.objects.filter(pk=stream.pk).update(audience="followers")


def end(stream: Stream) -> None:
    streams.end_stream(actor=stream.seller, stream_id=stream.pk)


def ban_seller(stream: Stream) -> None:
    moderation.ban_user(actor=make_staff(is_superuser=True), user_id=stream.seller_id, reason="Fraud")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (make_followers_only, "not_authenticated"),
        (end, "stream_not_live"),
        (ban_seller, "stream_not_found"),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_a_change_while_a_guest_joins_refuses_the_join(change: Callable[[Stream], None], code: str) -> None:
    stream = make_live_stream()
    connection = Connection(lambda: change(stream))
    with pytest.raises(DomainError) as refused:
        commands.join(guest_session(connection), {"stream_id": stream.pk, "after_seq": None})
    assert refused.value.code == code
    assert (connection.rooms, connection.emitted) == (frozenset(), [])
    assert live_counts.viewer_count(stream.pk) == 0


def test_a_heartbeat_removes_guests_of_a_stream_that_is_no_longer_for_everyone(
    live_stream: Stream, django_assert_num_queries: Any
) -> None:
    connections = [Connection(lambda: None) for _ in range(3)]
    sessions = [guest_session(connection) for connection in connections]
    for session in sessions:
        commands.join(session, {"stream_id": live_stream.pk, "after_seq": None})
    room = stream_room(live_stream.pk)
    with django_assert_num_queries(2):  # one for users, one for all guests
        commands.on_stream_heartbeat({room: sessions})
    assert all(connection.rooms == {room} for connection in connections)
    make_followers_only(live_stream)
    commands.on_stream_heartbeat({room: sessions})
    for connection in connections:
        assert (connection.rooms, connection.emitted) == (frozenset(), ["stream:joined", "stream:left"])
    assert live_counts.viewer_count(live_stream.pk) == 0


@pytest.mark.django_db(transaction=True)
def test_guests_watch_over_both_transports_and_get_what_is_public(
    live_server_process: Callable[..., list[ServerProcess]], bare_client: Any, sio_client: Any
) -> None:
    [server] = live_server_process()
    stream, viewer = make_live_stream(), make_user()
    stream_id = {"stream_id": str(stream.pk)}
    guests = [
        bare_client(server),
        bare_client(server, path=f"/ws/streams/{stream.pk}/"),
        sio_client(server).wait_connected(),
        sio_client(server, transports=["polling"]).wait_connected(),
    ]
    for guest in guests:
        if guest is not guests[1]:  # whose path has joined it
            assert guest.call("stream:join", stream_id)["success"] is True
        guest.expect("stream:joined")
    user = bare_client(server, access_token_for(viewer))
    assert user.call("stream:join", stream_id)["data"]["viewerCount"] == 5
    for guest in guests:
        guest.expect("viewer:count", viewerCount=5)
        refused = guest.call("stream:chat", {**stream_id, "message": "Hello"})
        assert refused["error"]["code"] == "unauthorized"
    assert user.call("stream:chat", {**stream_id, "message": "Salam"})["success"] is True
    assert user.call("stream:reaction", {**stream_id, "emoji": "❤️"})["success"] is True
    for guest in guests:
        assert guest.expect("chat:message")["message"] == "Salam"
        assert guest.expect("reaction:new")["count"] == 1
    assert user.call("stream:leave", stream_id)["success"] is True
    assert guests[0].call("stream:leave", stream_id)["success"] is True
    for guest in guests[1:]:
        guest.expect("viewer:count", viewerCount=3)
    with_names = {"viewer:joined", "viewer:left"}
    assert [name for guest in guests for name, _ in guest.events if name in with_names] == []

    end(stream)
    publisher.flush()
    for guest in guests[1:]:
        assert guest.expect("stream:ended")["status"] == "ended"
    assert guests[0].named("stream:ended") == []
    stream.refresh_from_db()
    assert (stream.peak_viewers, stream.unique_viewers) == (5, 1)
    closed = make_live_stream(audience="followers")
    for guest in guests:
        refused = guest.call("stream:join", {"stream_id": str(closed.pk)})
        assert refused["error"]["code"] == "unauthorized"


@pytest.mark.django_db(transaction=True)
def test_a_guest_who_disconnects_is_no_longer_counted(
    live_server_process: Callable[..., list[ServerProcess]], bare_client: Any, sio_client: Any
) -> None:
    [server] = live_server_process()
    stream = make_live_stream()
    for guest in (bare_client(server), sio_client(server).wait_connected()):
        assert guest.call("stream:join", {"stream_id": str(stream.pk)})["data"]["viewerCount"] == 1
        guest.close()
        wait_until(lambda: live_counts.viewer_count(stream.pk) == 0, "the guest's leaving")
