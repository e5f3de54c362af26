"""What was committed is announced at least once, whatever is killed between the two."""

import os
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from django.db import connection

from accounts.models import User
from accounts.tests.factories import make_seller, make_user
from accounts.tokens import access_token_for
from chat.tests.factories import make_conversation
from listings.tests.factories import make_product
from livestream.tests.factories import make_live_stream
from soukloop.realtime import outbox
from soukloop.realtime.models import OutboxEntry
from soukloop.realtime.testing.redis_process import RedisProcess
from soukloop.realtime.testing.servers import ServerProcess
from soukloop.realtime.testing.waiting import wait_until
from soukloop.tests.commit_proxy import CommitProxy

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]

Servers = Callable[..., list[ServerProcess]]


class Scene:
    """Somebody writes something; these events tell somebody else."""

    def __init__(self, kind: str) -> None:
        self.writer, self.reader = make_user(), make_seller()
        self.join: tuple[str, dict[str, Any]] | None = None
        self.request: tuple[str, dict[str, Any]]
        if kind == "message":
            conversation = make_conversation(buyer=self.writer, seller=self.reader)
            self.request = (f"/conversations/{conversation.pk}/messages", {"content": "Hello"})
            self.events = ["message:new", "notification:new"]
        elif kind == "offer":
            product = make_product(seller=self.reader)
            self.request = ("/offers", {"product_id": str(product.pk), "offered_price": 700.00})
            self.events = ["offer:new", "message:new", "notification:new"]
        else:
            stream = make_live_stream()
            self.join = ("stream:join", {"stream_id": str(stream.pk)})
            self.request = ("stream:chat", {"stream_id": str(stream.pk), "message": "Hello"})
            self.events = ["chat:message"]

    def connect(self, bare_client: Any, server: ServerProcess, user: User) -> Any:
        """Connect a person, and join the stream if there is one."""
        client = bare_client(server, str(access_token_for(user)))
        client.expect("connected")
        if self.join:
            assert client.call(*self.join)["success"]
        return client

    def write(self, server: ServerProcess, socket: Any, **more: Any) -> bool:
        """Write over REST or, to a stream, over the socket; return whether it was acknowledged."""
        name, body = self.request[0], self.request[1] | more
        if self.join:
            return bool(socket.call(name, body)["success"])
        headers = {"Authorization": f"Bearer {access_token_for(self.writer)}"}
        answer = httpx.post(f"{server.url}/api/v1{name}", json=body, headers=headers, timeout=60)
        assert answer.status_code in (201, 503), answer.text
        return answer.status_code == 201


@pytest.mark.usefixtures("no_shared_servers")
@pytest.mark.parametrize("kind", ["message", "offer", "stream chat"])
def test_events_of_a_process_that_is_killed_before_it_publishes_are_published_by_another(
    live_server_process: Servers, own_redis: RedisProcess, bare_client: Any, kind: str
) -> None:
    scene = Scene(kind)
    environment = {"REDIS_URL": own_redis.url}
    killed, other = live_server_process(2, fresh=True, environment=environment)
    reader = scene.connect(bare_client, other, scene.reader)
    writer = scene.connect(bare_client, killed, scene.writer)

    own_redis.kill()  # so that nothing can be published
    assert scene.write(killed, writer)
    killed.kill()
    assert OutboxEntry.objects.exists()
    own_redis.start()

    for event in scene.events:
        reader.expect(event)
    wait_until(lambda: not OutboxEntry.objects.exists(), "empty outbox")
    for event in scene.events:
        assert len(reader.named(event)) == len({str(data) for data in reader.named(event)})


@pytest.fixture
def commit_proxy() -> Iterator[CommitProxy]:
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    proxy = CommitProxy(url.geturl())
    yield proxy
    proxy.close()


@pytest.mark.parametrize("kind", ["message", "stream chat"])
def test_a_message_whose_commit_was_not_answered_is_announced_and_its_retry_is_the_same_message(
    live_server_process: Servers, commit_proxy: CommitProxy, bare_client: Any, kind: str
) -> None:
    scene = Scene(kind)
    [cut] = live_server_process(1, fresh=True, environment={"DATABASE_URL": commit_proxy.url})
    [other] = live_server_process()
    reader = scene.connect(bare_client, other, scene.reader)
    writer = scene.connect(bare_client, cut, scene.writer)

    commit_proxy.armed.set()
    assert not scene.write(cut, writer, client_message_id="one")
    assert commit_proxy.cuts == 1
    assert scene.write(cut, writer, client_message_id="one")
    reader.expect(scene.events[0])
    wait_until(lambda: not OutboxEntry.objects.exists(), "empty outbox")
    assert len(reader.named(scene.events[0])) == 1


def test_published_events_leave_nothing_in_the_outbox(live_server_process: Servers, bare_client: Any) -> None:
    scene = Scene("message")
    [server] = live_server_process()
    reader = scene.connect(bare_client, server, scene.reader)
    for _ in range(10):
        assert scene.write(server, None)
    took = wait_until(lambda: not OutboxEntry.objects.exists(), "empty outbox", 3)
    assert took < 3
    assert len(reader.named("message:new")) == 10


def test_an_unexpected_error_does_not_end_the_deletion_of_published_events(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deleter, deleted = outbox._Deleter(), []

    def fail_at_first(ids: list[int]) -> None:
        deleted.append(ids)
        if len(deleted) == 1:
            raise RuntimeError("unexpected")

    monkeypatch.setattr(deleter, "_delete", fail_at_first)
    deleter.add(1)
    wait_until(lambda: deleted == [[1]], "first deletion", 20)
    deleter.add(2)
    wait_until(lambda: deleted == [[1], [2]], "second deletion", 20)
