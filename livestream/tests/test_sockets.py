"""The room of a stream over the standard socket.io client and a plain WebSocket (contract 4.4 to 4.6)."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Follow, User
from accounts.tests.factories import block, client_for, follow, make_seller, make_user
from accounts.tokens import access_token_for
from livestream import events
from livestream.models import ChatMessage, Stream, ViewerSession
from livestream.tests.factories import make_live_stream
from soukloop.core.redis.client import redis_client
from soukloop.realtime.testing.servers import ServerProcess
from soukloop.realtime.testing.waiting import wait_until

Servers = Callable[..., list[ServerProcess]]
QUICK_HEARTBEAT = "soukloop.realtime.tests.settings"


@pytest.fixture
def server(live_server_process: Servers) -> ServerProcess:
    return live_server_process()[0]


@pytest.fixture
def stream(transactional_db: None) -> Stream:
    return make_live_stream(seller=make_seller(username="testseller"))


@pytest.fixture
def viewer(transactional_db: None) -> User:
    return make_user(username="testbuyer")


def test_the_examples_of_the_contract_work_as_written(
    server: ServerProcess, sio_client: Any, stream: Stream, viewer: User
) -> None:
    first = sio_client(server, access_token_for(make_user())).wait_connected()
    first.send("stream:join", {"stream_id": str(stream.pk)})
    assert first.expect("stream:joined") == {
        "streamId": str(stream.pk),
        "viewerCount": 1,
        "status": "live",
        "history": [],
        "lastSeq": 0,
        "resync": False,
        "hasPicture": False,
        "reconnectBy": None,
    }
    socket = sio_client(server, access_token_for(viewer)).wait_connected()
    socket.send("stream:join", {"stream_id": str(stream.pk)})
    assert socket.expect("stream:joined")["viewerCount"] == 2
    assert first.expect("viewer:joined", username="testbuyer")["viewerCount"] == 2
    assert redis_client().scard(f"stream:{stream.pk}:unique_viewers") == 2
    stream.refresh_from_db()
    assert (stream.viewer_count, stream.peak_viewers) == (2, 2)

    socket.send("stream:chat", {"stream_id": str(stream.pk), "message": "This is amazing! 🔥"})
    published = first.expect("chat:message")
    assert (published["username"], published["message"], published["seq"]) == (
        "testbuyer",
        "This is amazing! 🔥",
        1,
    )
    assert {"userId", "avatarUrl", "timestamp", "messageId"} <= set(published)
    assert socket.expect("chat:message") == published

    socket.send("stream:reaction", {"stream_id": str(stream.pk), "emoji": "❤️"})
    reaction = first.expect("reaction:new")
    assert (reaction["emoji"], reaction["userId"], reaction["count"]) == ("❤️", str(viewer.pk), 1)
    assert redis_client().hget(f"stream:{stream.pk}:reactions", "❤️") == b"1"

    socket.send("stream:leave", {"stream_id": str(stream.pk)})
    assert first.expect("viewer:left")["viewerCount"] == 1


def test_both_transports_get_the_same_acknowledgements_and_events(
    server: ServerProcess, sio_client: Any, bare_client: Any, stream: Stream, viewer: User
) -> None:
    token = access_token_for(viewer)
    clients = [sio_client(server, token).wait_connected(), bare_client(server, token)]
    for client in clients:
        assert client.call("stream:join", {"streamId": str(stream.pk)})["data"]["viewerCount"] == 1
    for number, client in enumerate(clients, start=1):
        ack = client.call(
            "stream:chat", {"streamId": str(stream.pk), "message": "Hi", "clientMessageId": "a"}
        )
        assert (ack["success"], ack["data"]["seq"]) == (True, 1)
        ack = client.call("stream:reaction", {"streamId": str(stream.pk), "emoji": "🔥"})
        assert ack["data"] == {"streamId": str(stream.pk), "emoji": "🔥", "total": number}
        refused = client.call("stream:reaction", {"streamId": str(stream.pk), "emoji": "🐪"})
        assert list(refused["error"]["details"]) == ["emoji"]
        refused = client.call("stream:chat", {"streamId": str(stream.pk), "message": "x" * 501})
        assert list(refused["error"]["details"]) == ["message"]
    for client in clients:
        assert len(client.named("chat:message")) == 1
        assert len([client.expect("reaction:new") for _ in clients]) == 2
    assert ChatMessage.objects.count() == 1


def test_connecting_to_the_path_of_a_stream_joins_it(
    server: ServerProcess, bare_client: Any, stream: Stream, viewer: User
) -> None:
    client = bare_client(server, access_token_for(viewer), path=f"/ws/streams/{stream.pk}/")
    assert client.expect("stream:joined")["viewerCount"] == 1


def test_people_who_may_not_watch_get_no_events(
    server: ServerProcess, bare_client: Any, viewer: User, transactional_db: None
) -> None:
    stream = make_live_stream(audience="followers")
    outsider = bare_client(server, access_token_for(viewer))
    ack = outsider.call("stream:join", {"stream_id": str(stream.pk)})
    assert (ack["success"], ack["error"]["code"]) == (False, "followers_only")
    follower = make_user()
    follow(follower, stream.seller)
    insider = bare_client(server, access_token_for(follower))
    assert insider.call("stream:join", {"stream_id": str(stream.pk)})["success"] is True
    insider.call("stream:chat", {"stream_id": str(stream.pk), "message": "Just us"})
    assert insider.expect("chat:message")["message"] == "Just us"
    assert outsider.receives_no("chat:message")
    ack = outsider.call("stream:chat", {"stream_id": str(stream.pk), "message": "Let me in"})
    assert ack["error"]["code"] == "followers_only"
    assert ViewerSession.objects.count() == 1


def test_closing_the_connection_counts_as_leaving(
    server: ServerProcess, bare_client: Any, stream: Stream, viewer: User
) -> None:
    remaining = bare_client(server, access_token_for(make_user()))
    remaining.call("stream:join", {"stream_id": str(stream.pk)})
    leaving = bare_client(server, access_token_for(viewer))
    leaving.call("stream:join", {"stream_id": str(stream.pk)})
    leaving.close()
    assert remaining.expect("viewer:left", userId=str(viewer.pk))["viewerCount"] == 1
    assert ViewerSession.objects.get(user=viewer).left_at is not None


@pytest.mark.parametrize("who_blocks", ["host", "viewer"])
def test_a_block_removes_the_viewer_immediately_in_every_process(
    live_server_process: Servers,
    sio_client: Any,
    bare_client: Any,
    stream: Stream,
    viewer: User,
    who_blocks: str,
) -> None:
    one, two = live_server_process(2)
    remaining = bare_client(one, access_token_for(make_user()))
    phone = bare_client(one, access_token_for(viewer))
    tablet = sio_client(two, access_token_for(viewer)).wait_connected()
    for client in (remaining, phone, tablet):
        assert client.call("stream:join", {"stream_id": str(stream.pk)})["success"] is True
    blocker, blocked = (stream.seller, viewer) if who_blocks == "host" else (viewer, stream.seller)
    client_for(blocker).post(f"/api/v1/users/{blocked.pk}/block")
    for client in (phone, tablet):
        left = client.expect("stream:left")
        assert left == {"streamId": str(stream.pk), "reason": "stream_not_found"}
    assert remaining.expect("viewer:left", userId=str(viewer.pk))["viewerCount"] == 1
    remaining.call("stream:chat", {"stream_id": str(stream.pk), "message": "Just us"})
    assert remaining.expect("chat:message")["message"] == "Just us"
    assert phone.receives_no("chat:message")
    assert tablet.named("chat:message") == []
    assert not ViewerSession.objects.filter(user=viewer, left_at=None).exists()
    wait_until(lambda: Stream.objects.get(pk=stream.pk).viewer_count == 1, "right count", 5)
    ack = phone.call("stream:join", {"stream_id": str(stream.pk)})
    assert ack["error"]["code"] == "stream_not_found"


def test_unfollowing_removes_the_viewer_from_streams_for_followers_only(
    server: ServerProcess, bare_client: Any, stream: Stream, viewer: User
) -> None:
    closed = make_live_stream(audience="followers")
    for seller in (closed.seller, stream.seller):
        follow(viewer, seller)
    client = bare_client(server, access_token_for(viewer))
    for one in (closed, stream):
        assert client.call("stream:join", {"stream_id": str(one.pk)})["success"] is True
    for seller in (stream.seller, closed.seller):
        assert client_for(viewer).delete(f"/api/v1/users/{seller.pk}/follow").status_code < 300
    assert client.expect("stream:left") == {"streamId": str(closed.pk), "reason": "followers_only"}
    wait_until(lambda: ViewerSession.objects.get(stream=closed).left_at, "closed session", 5)
    assert ViewerSession.objects.get(stream=stream).left_at is None
    assert len(client.named("stream:left")) == 1


@pytest.mark.parametrize(
    ("audience", "reason"), [("everyone", "stream_not_found"), ("followers", "followers_only")]
)
def test_a_heartbeat_removes_viewers_whose_removal_was_lost(
    live_server_process: Servers, bare_client: Any, viewer: User, audience: str, reason: str
) -> None:
    [server] = live_server_process(environment={"DJANGO_SETTINGS_MODULE": QUICK_HEARTBEAT})
    stream, other = make_live_stream(audience=audience), make_user()
    for user in (viewer, other):
        follow(user, stream.seller)
    leaving, remaining = (bare_client(server, access_token_for(user)) for user in (viewer, other))
    for client in (leaving, remaining):
        assert client.call("stream:join", {"stream_id": str(stream.pk)})["success"] is True
    if audience == "everyone":
        block(stream.seller, viewer)
    else:
        Follow.objects.filter(follower=viewer).delete()
    assert leaving.expect("stream:left", within=5) == {"streamId": str(stream.pk), "reason": reason}
    assert remaining.expect("viewer:left", userId=str(viewer.pk))["viewerCount"] == 1
    assert remaining.named("stream:left") == []


@pytest.mark.faults
def test_sessions_of_a_killed_process_end_at_their_last_heartbeat_even_if_the_stream_ends_right_after(
    live_server_process: Servers, bare_client: Any, stream: Stream, viewer: User
) -> None:
    environment = {"DJANGO_SETTINGS_MODULE": QUICK_HEARTBEAT}
    killed, server = live_server_process(2, fresh=True, environment=environment)
    remaining, lost = (
        bare_client(process, access_token_for(user))
        for process, user in ((server, make_user()), (killed, viewer))
    )
    for client in (remaining, lost):
        assert client.call("stream:join", {"stream_id": str(stream.pk)})["success"] is True
    time.sleep(2.5)
    killed.kill()
    died_at = timezone.now()
    lost.wait_closed()
    time.sleep(1.5)
    ended = client_for(stream.seller).post(f"/api/v1/streams/{stream.pk}/end").json()["data"]
    assert (ended["stats"]["peakViewers"], ended["stats"]["uniqueViewers"]) == (2, 2)
    stream.refresh_from_db()
    assert ViewerSession.objects.exclude(user=viewer).get().left_at == stream.ended_at
    left_at = ViewerSession.objects.get(user=viewer).left_at
    assert left_at is not None
    assert died_at - timedelta(seconds=3) < left_at <= died_at, "one heartbeat a second, in whole seconds"


def test_each_device_of_the_host_gets_the_end_and_the_replay_once(
    server: ServerProcess, sio_client: Any, bare_client: Any, stream: Stream
) -> None:
    token = access_token_for(stream.seller)
    inside, outside = sio_client(server, token).wait_connected(), bare_client(server, token)
    outside.expect("connected")
    inside.call("stream:join", {"stream_id": str(stream.pk)})
    client_for(stream.seller).post(f"/api/v1/streams/{stream.pk}/end")
    events.publish_replay_ready(stream, state="ready", vod_url=None)
    for client in (inside, outside):
        assert client.expect("stream:ended")["reason"] == "owner"
        assert client.expect("stream:replay_ready")["state"] == "ready"
    for client in (inside, outside):
        assert client.receives_no("stream:ended")
        assert len(client.named("stream:ended")) == 1
        assert len(client.named("stream:replay_ready")) == 1


def test_two_web_processes_share_a_room(
    live_server_process: Servers, sio_client: Any, bare_client: Any, stream: Stream, viewer: User
) -> None:
    one, two = live_server_process(2)
    first_client = bare_client(one, access_token_for(viewer))
    second_client = bare_client(two, access_token_for(make_user()))
    first_client.call("stream:join", {"stream_id": str(stream.pk)})
    assert second_client.call("stream:join", {"stream_id": str(stream.pk)})["data"]["viewerCount"] == 2
    assert first_client.expect("viewer:joined", viewerCount=2)
    second_client.call(
        "stream:chat", {"stream_id": str(stream.pk), "message": "Hello from the other process"}
    )
    assert first_client.expect("chat:message")["message"] == "Hello from the other process"


def test_changes_over_rest_are_published_to_the_room(
    server: ServerProcess, sio_client: Any, stream: Stream, viewer: User
) -> None:
    socket = sio_client(server, access_token_for(viewer)).wait_connected()
    socket.call("stream:join", {"stream_id": str(stream.pk)})
    seller = client_for(stream.seller)
    seller.patch(f"/api/v1/streams/{stream.pk}/chat", {"slow_mode_seconds": 5})
    assert socket.expect("chat:settings")["slowModeSeconds"] == 5
    message = socket.call("stream:chat", {"stream_id": str(stream.pk), "message": "Sold?"})["data"]
    seller.delete(f"/api/v1/streams/{stream.pk}/chat/{message['messageId']}")
    assert socket.expect("chat:deleted")["messageId"] == message["messageId"]
    seller.post(f"/api/v1/streams/{stream.pk}/end")
    assert socket.expect("stream:ended")["reason"] == "owner"
    ack = socket.call("stream:chat", {"stream_id": str(stream.pk), "message": "Still there?"})
    assert ack["error"]["code"] == "stream_not_live"
