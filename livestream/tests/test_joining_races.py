"""Joining a stream while something that forbids it happens: nobody waits for an event that was sent."""

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import pytest

from accounts.models import User
from accounts.services import moderation, relations
from accounts.tests.factories import follow, make_seller, make_staff, make_user
from accounts.tokens import access_token_for
from livestream import commands
from livestream.models import Stream, ViewerSession
from livestream.rooms import stream_room
from livestream.services import streams
from livestream.tests.factories import make_live_stream
from soukloop.core.errors import DomainError
from soukloop.realtime.sessions import Session, SocketUser
from soukloop.realtime.testing.servers import ServerProcess

pytestmark = pytest.mark.django_db(transaction=True)


class Connection:
    """A connection on which something happens between the check of a join and the entering of its room."""

    def __init__(self, before_joining: Callable[[], object]) -> None:
        self.before_joining = before_joining
        self.rooms: frozenset[str] = frozenset()
        self.emitted: list[str] = []
        self.session: Session | None = None

    def join(self, room: str) -> None:
        self.before_joining()
        self.rooms |= {room}

    def leave(self, room: str) -> None:
        self.rooms -= {room}
        assert self.session is not None
        commands.on_stream_left(self.session, room)

    def emit(self, event: str, data: dict[str, Any]) -> None:
        self.emitted.append(event)


def session_of(user: User, connection: Connection) -> Session:
    socket_user = SocketUser(user.pk, user.username, None, user.token_version, user)
    connection.session = Session(uuid4().hex, socket_user, connection)
    return connection.session


def end(stream: Stream, viewer: User) -> None:
    streams.end_stream(actor=stream.seller, stream_id=stream.pk)


def end_by_staff(stream: Stream, viewer: User) -> None:
    streams.end_stream_by_staff(
        actor=make_staff(is_superuser=True), stream_id=stream.pk, reason="Counterfeits"
    )


def ban_seller(stream: Stream, viewer: User) -> None:
    moderation.ban_user(actor=make_staff(is_superuser=True), user_id=stream.seller_id, reason="Fraud")


def block_viewer(stream: Stream, viewer: User) -> None:
    relations.block_user(actor=stream.seller, user_id=viewer.pk)


def unfollow(stream: Stream, viewer: User) -> None:
    relations.unfollow_user(actor=viewer, user_id=stream.seller_id)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (end, "stream_not_live"),
        (end_by_staff, "stream_not_live"),
        (ban_seller, "stream_not_found"),
        (block_viewer, "stream_not_found"),
        (unfollow, "followers_only"),
    ],
)
def test_a_change_between_the_check_and_the_entering_of_the_room_refuses_the_join(
    change: Callable[[Stream, User], None], code: str
) -> None:
    stream, viewer = make_live_stream(audience="followers"), make_user()
    follow(viewer, stream.seller)
    connection = Connection(lambda: change(stream, viewer))
    with pytest.raises(DomainError) as refused:
        commands.join(session_of(viewer, connection), {"stream_id": stream.pk, "after_seq": None})
    assert refused.value.code == code
    assert connection.rooms == frozenset()
    assert connection.emitted == []
    assert not ViewerSession.objects.filter(user=viewer, left_at=None).exists()


def test_a_host_whose_stream_ends_while_joining_is_refused_and_leaves_no_state() -> None:
    stream = make_live_stream()
    connection = Connection(lambda: end(stream, stream.seller))
    session = session_of(stream.seller, connection)
    with pytest.raises(DomainError) as refused:
        commands.join(session, {"stream_id": stream.pk, "after_seq": None})
    assert (refused.value.code, connection.rooms) == ("stream_not_live", frozenset())
    assert stream_room(stream.pk) not in session.state["hosted_rooms"]


@pytest.mark.parametrize("path", ["/ws/", "/ws/streams/{id}/"])
def test_who_joins_while_the_stream_ends_is_refused_or_told_of_the_end(
    live_server_process: Callable[..., list[ServerProcess]], bare_client: Any, path: str
) -> None:
    [server] = live_server_process()
    token = access_token_for(make_user())
    outcomes = set()
    for round_number in range(12):
        stream = make_live_stream(seller=make_seller(), key=f"sk_{round_number}")
        headers = {"Authorization": f"Bearer {access_token_for(stream.seller)}"}
        url = f"{server.url}/api/v1/streams/{stream.pk}/end"
        end_stream = partial(httpx.post, url, headers=headers, timeout=30)
        ending = threading.Timer(round_number * 0.001, end_stream)
        if path == "/ws/":
            client = bare_client(server, token)
            client.expect("connected")
            ending.start()
            answer = client.call("stream:join", {"stream_id": str(stream.pk)})
            code = None if answer["success"] else answer["error"]["code"]
        else:
            ending.start()
            client = bare_client(server, token, path=path.format(id=stream.pk))
            deadline = time.monotonic() + 20
            while not (client.named("stream:joined") or client.named("error")):
                assert time.monotonic() < deadline, "no answer"
                time.sleep(0.01)
            code = client.named("error")[0]["code"] if client.named("error") else None
        ending.join()
        if code is None:
            assert client.expect("stream:ended", within=10)["streamId"] == str(stream.pk)
        else:
            assert code == "stream_not_live"
        outcomes.add(code)
        client.close()
    assert outcomes <= {None, "stream_not_live"}
