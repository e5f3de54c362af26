"""A stream during which the web process, Redis, the worker and the media server are killed in turn."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from django.conf import settings as project_settings
from django.db import connection

from accounts.tests.factories import make_seller, make_user
from accounts.tokens import access_token_for
from livestream.media import ffmpeg, recordings
from livestream.models import ChatMessage, PublisherConnection, Replay, Stream, ViewerSession
from livestream.services import replays, streams
from livestream.tests.factories import make_live_stream, make_publisher, make_stream
from livestream.tests.flv_files import encode, flv_bytes
from livestream.tests.media import SECRET, MediaServerProcess, point_replays_at, publish
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
            cwd=project_settings.BASE_DIR,
            env={**os.environ, "DATABASE_URL": database_url, "LOG_LEVEL": "WARNING", **environment},
            stderr=subprocess.DEVNULL,
        )
        workers.append(worker)
        return worker

    yield start
    for worker in workers:
        worker.kill()
        worker.wait()


@pytest.mark.usefixtures("unreachable_media_server")
def test_a_worker_that_is_killed_while_it_joins_recordings_loses_nothing(
    start_worker: Callable[[dict[str, str]], "subprocess.Popen[bytes]"], settings: Any, tmp_path: Path
) -> None:
    tmp_path.chmod(0o755)
    settings.MEDIA_ROOT = tmp_path
    point_replays_at(settings, tmp_path / "vods")
    recordings.folder().mkdir()
    stream = make_live_stream()
    make_publisher(stream)
    # Of two sizes, so that one is encoded again.
    for number, size in ((1, "320x180"), (2, "640x360")):
        tags = encode(seconds=2 * number, size=size)
        path = recordings.folder() / f"{stream.public_id}-{number}.flv"
        path.write_bytes(flv_bytes(tags))
    streams.end_stream(actor=stream.seller, stream_id=stream.pk)
    worker = start_worker(
        {"MEDIA_ROOT": str(tmp_path), "MEDIA_CONTROL_URL": "http://127.0.0.1:9", "MEDIA_SECRET": SECRET}
    )

    def is_joining() -> bool:
        # Stopped, so that it can't end before its worker is killed.
        found = processes_of(tmp_path / "work", "ffmpeg")
        for process in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGSTOP)
        return bool(set(found) & set(processes_of(tmp_path / "work", "ffmpeg")))

    wait_until(is_joining, "ffmpeg of the worker", 60)
    worker.kill()
    worker.wait()
    assert Replay.objects.values_list("state", "step").get() == ("processing", "")
    wait_until(lambda: not processes_of(tmp_path / "work", "ffmpeg"), "end of its ffmpeg", 10)
    assert len(recordings.of_stream(stream.public_id)) == 2
    assert list((tmp_path / "vods").rglob("*.mp4")) == []

    made = replays.make_replay(stream_id=stream.pk)
    assert made is not None
    assert (made.state, made.step, made.error) == ("ready", "check", "")
    video = tmp_path / "vods" / stream.public_id / "video.mp4"
    assert ffmpeg.track_lengths(video) == pytest.approx({"video": 6, "audio": 6}, abs=0.5)
    assert recordings.of_stream(stream.public_id) == []
    assert list((tmp_path / "work").iterdir()) == []


def processes_of(folder: Path, program: str) -> list[int]:
    """Return the running processes of a program that work in a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            is_running = (path / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
            is_there = (path / "cwd").readlink().is_relative_to(folder)
            if is_running and is_there and (path / "comm").read_text().strip() == program:
                found.append(int(path.name))
    return found


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
