"""A stream during which the web process, Redis, the worker and the media server are killed in turn."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from django.conf import settings
from django.db import connection

from accounts.tests.factories import make_seller, make_user
from accounts.tokens import access_token_for
from livestream.models import ChatMessage, PublisherConnection, Replay, Stream, ViewerSession
from livestream.tests.factories import make_stream
from livestream.tests.media import MediaServerProcess, publish
from soukloop.realtime.testing.redis_process import RedisProcess
from soukloop.realtime.testing.servers import ServerProcess
from soukloop.realtime.testing.waiting import wait_until

pytestmark = pytest.mark.faults

READY = {"camera_ready": True, "checklist_complete": True}


@pytest.fixture
def start_worker(transactional_db: None) -> Iterator[Callable[[dict[str, str]], "subprocess.Popen[bytes]"]]:
    """Return `start(environment)`, which starts a worker on the test's database, killed after the test."""
    workers: list[subprocess.Popen[bytes]] = []
    url = urlsplit(os.environ["DATABASE_URL"])
    database_url = url._replace(path=f"/{connection.settings_dict['NAME']}").geturl()

    def start(environment: dict[str, str]) -> "subprocess.Popen[bytes]":
        worker = subprocess.Popen(
            [sys.executable, "manage.py", "run_worker", "--concurrency", "4"],
            cwd=settings.BASE_DIR,
            env={**os.environ, "DATABASE_URL": database_url, "LOG_LEVEL": "WARNING", **environment},
            stderr=subprocess.DEVNULL,
        )
        workers.append(worker)
        return worker

    yield start
    for worker in workers:
        worker.kill()
        worker.wait()


def test_a_stream_continues_after_each_of_its_processes_was_killed(
    media_process: MediaServerProcess,
    live_server_process: Callable[..., list[ServerProcess]],
    own_redis: RedisProcess,
    start_worker: Callable[[dict[str, str]], "subprocess.Popen[bytes]"],
    bare_client: Any,
) -> None:
    media = media_process
    environment = {**media.environment, "REDIS_URL": own_redis.url}
    killed, web = live_server_process(2, fresh=True, environment=environment)
    media.stop()
    media.start(web.url)
    worker = start_worker(environment)
    seller, mover, stayer = make_seller(), make_user(), make_user()
    stream = make_stream(seller=seller)
    room = {"stream_id": str(stream.pk)}
    host = httpx.Client(
        base_url=f"{web.url}/api/v1/streams/{stream.pk}",
        headers={"Authorization": f"Bearer {access_token_for(seller)}"},
        timeout=30,
    )
    live = host.post("/go-live", json=READY).json()["data"]
    encoder = publish(live["rtmpUrl"], live["streamKey"], 120)
    wait_until(lambda: PublisherConnection.objects.filter(lost_at=None).exists(), "encoder", 20)
    moving, staying = (
        bare_client(killed, access_token_for(mover)),
        bare_client(web, access_token_for(stayer)),
    )
    acknowledged = []

    def send(client: Any, text: str) -> None:
        ack = client.call("stream:chat", room | {"message": text, "clientMessageId": text})
        assert ack["success"] is True, ack
        acknowledged.append(ack["data"]["seq"])

    for client in (moving, staying):
        assert client.call("stream:join", room)["success"] is True
        for number in range(3):
            send(client, f"{id(client)}-{number}")
        for _ in range(2):
            assert client.call("stream:reaction", room | {"emoji": "❤️"})["success"] is True
    wait_until(lambda: Stream.objects.get(pk=stream.pk).total_likes == 4, "saved reactions", 30)

    killed.kill()
    send(staying, "while the other was disconnected")
    moved = bare_client(web, access_token_for(mover))
    joined = moved.call("stream:join", room | {"afterSeq": 6})["data"]
    assert [message["message"] for message in joined["history"]] == ["while the other was disconnected"]

    own_redis.kill()
    send(staying, "without Redis")
    own_redis.start()
    staying.expect("resync", room=f"stream.{stream.pk}", within=30)
    assert staying.call("stream:reaction", room | {"emoji": "❤️"})["data"]["total"] == 5
    send(moved, "with Redis again")
    staying.expect("chat:message", message="with Redis again")

    worker.kill()
    worker.wait()
    start_worker(environment)

    media.kill()
    encoder.wait(30)
    media.start(web.url)
    encoder = publish(live["rtmpUrl"], live["streamKey"], 120)
    wait_until(lambda: PublisherConnection.objects.count() == 2, "reconnected encoder")
    media.wait_recorded(stream.public_id, 2, parts=2)

    ended = host.post("/end").json()["data"]
    assert ended["status"] == "ended"
    assert ended["stats"] | {"averageWatchTime": 0} == {
        "peakViewers": 2,
        "uniqueViewers": 2,
        "totalLikes": 5,
        "chatMessages": 9,
        "averageWatchTime": 0,
        "productsTagged": 0,
        "clicksOnProducts": 0,
    }
    assert sorted(acknowledged) == list(range(1, 10))
    assert ChatMessage.objects.count() == 9
    assert not ViewerSession.objects.filter(left_at=None).exists()
    wait_until(lambda: Replay.objects.get().state == "ready", "replay", 60)
    assert len(Replay.objects.get().parts) == 2
    assert encoder.wait(30) != 0
    assert "Traceback" not in web.log()
    media.stop()
