"""How the media server takes encoders: what it records, whom it refuses, replaces and disconnects."""

import contextlib
import json
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from accounts.models import User
from accounts.tests.factories import client_for, make_seller
from livestream.media import recordings
from livestream.media.server import media_server
from livestream.models import Stream
from livestream.tests.factories import make_stream
from livestream.tests.media import RATE, SIZE, MediaServerProcess, publish
from soukloop.realtime.testing.servers import ServerProcess
from soukloop.realtime.testing.waiting import wait_until

Encoder = Callable[..., "subprocess.Popen[bytes]"]
READY = {"camera_ready": True, "checklist_complete": True}


@pytest.fixture
def seller(transactional_db: None) -> User:
    return make_seller(username="testseller")


@pytest.fixture
def live(media: MediaServerProcess, seller: User) -> tuple[Stream, str]:
    """A live stream and its key."""
    stream = make_stream(seller=seller)
    data = client_for(seller).post(f"/api/v1/streams/{stream.pk}/go-live", READY).json()["data"]
    stream.refresh_from_db()
    return stream, data["streamKey"]


@pytest.fixture
def encoder(media: MediaServerProcess) -> Iterator[Encoder]:
    """Return `start(key, seconds)`, which starts an encoder; it is stopped after the test."""
    with contextlib.ExitStack() as started:

        def start(key: str, seconds: int = 30) -> "subprocess.Popen[bytes]":
            process = publish(f"rtmp://127.0.0.1:{media.rtmp_port}/live", key, seconds)
            started.callback(process.wait)
            started.callback(process.kill)
            return process

        yield start


def film(path: Path, seconds: int) -> Path:
    """Write a film that begins with a keyframe, with one every second and B-frames."""
    subprocess.run(
        [
            *("ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", f"testsrc=size={SIZE}:rate={RATE}"),
            *("-f", "lavfi", "-i", "sine", "-t", str(seconds), "-c:v", "libx264", "-preset", "ultrafast"),
            *("-bf", "2", "-g", str(RATE), "-pix_fmt", "yuv420p", "-c:a", "aac", str(path)),
        ],
        check=True,
    )
    return path


def video_packets(path: Path) -> list[dict[str, Any]]:
    listed = subprocess.run(
        [
            *("ffprobe", "-v", "error", "-select_streams", "v", "-of", "json"),
            *("-show_entries", "packet=flags,size", str(path)),
        ],
        capture_output=True,
        check=True,
    ).stdout
    packets: list[dict[str, Any]] = json.loads(listed)["packets"]
    return packets


def test_a_recording_holds_every_frame_from_the_first_keyframe_and_never_the_key(
    media: MediaServerProcess, live: tuple[Stream, str], tmp_path: Path
) -> None:
    stream, key = live
    sent = film(tmp_path / "film.flv", 2)
    url = f"rtmp://127.0.0.1:{media.rtmp_port}/live/{key}"
    for _ in range(2):
        encoder = [
            "ffmpeg",
            "-nostdin",
            "-v",
            "error",
            "-re",
            "-i",
            str(sent),
            "-c",
            "copy",
            "-f",
            "flv",
            url,
        ]
        subprocess.run(encoder, check=True, timeout=20)
        wait_until(lambda: stream.public_id not in media_server.recordings(), "closed recording")
        recording = recordings.of_stream(stream.public_id)[-1]
        assert video_packets(recording) == video_packets(sent)
        assert video_packets(recording)[0]["flags"].startswith("K")
    assert len(recordings.of_stream(stream.public_id)) == 2
    assert not [path for path in media.root.rglob("*") if key in path.name]
    assert key.encode() not in b"".join(path.read_bytes() for path in recordings.of_stream(stream.public_id))
    assert key not in (media.state / "log").read_text()


def test_a_new_encoder_replaces_the_old_one_and_of_many_at_once_only_one_stays(
    media: MediaServerProcess, live: tuple[Stream, str], encoder: Encoder
) -> None:
    stream, key = live
    first = encoder(key)
    media.wait_recorded(stream.public_id, 1)
    began = time.monotonic()
    second = encoder(f"{key}%20")
    media.wait_recorded(stream.public_id, 1, parts=2)
    print(f"new encoder started → 1 s of its media recorded: {time.monotonic() - began:.1f} s")
    assert first.wait(30) != 0
    assert second.poll() is None
    crowd = [encoder(key) for _ in range(4)]
    wait_until(lambda: second.poll() is not None, "end of the second encoder")
    wait_until(lambda: [one.poll() for one in crowd].count(None) == 1, "a single encoder", 60)
    connected = stream.publisher_connections.filter(lost_at=None).values_list("client_id", flat=True)
    wait_until(lambda: media_server.publishers() == {stream.public_id: set(connected.all())}, "publisher")
    assert connected.count() == 1
    sizes = [{path: path.stat().st_size for path in recordings.of_stream(stream.public_id)}]
    media.wait_recorded(stream.public_id, 2, parts=len(sizes[0]))
    sizes.append({path: path.stat().st_size for path in recordings.of_stream(stream.public_id)})
    assert len([path for path in sizes[1] if sizes[1][path] > sizes[0][path]]) == 1
    assert [one.poll() for one in crowd].count(None) == 1


def test_an_encoder_publishes_over_rtmps(media: MediaServerProcess, live: tuple[Stream, str]) -> None:
    stream, key = live
    encoder = publish(f"rtmps://127.0.0.1:{media.rtmps_port}/live", key, 2)
    assert encoder.wait(20) == 0
    wait_until(lambda: stream.public_id not in media_server.recordings(), "closed recording")
    (recording,) = recordings.of_stream(stream.public_id)
    assert len(video_packets(recording)) == 2 * RATE


def rtmp_message(kind: int, body: bytes) -> bytes:
    """Return an RTMP message in chunks of 128 bytes."""
    chunks = [body[start : start + 128] for start in range(0, len(body), 128)]
    header = b"\x03\x00\x00\x00" + len(body).to_bytes(3, "big") + bytes([kind]) + (1).to_bytes(4, "little")
    return header + b"\xc3".join(chunks)


def amf(value: str | float | dict[str, str] | None) -> bytes:
    if value is None:
        return b"\x05"
    if isinstance(value, dict):
        names = [struct.pack(">H", len(name)) + name.encode() + amf(text) for name, text in value.items()]
        return b"\x03" + b"".join(names) + b"\x00\x00\x09"
    if isinstance(value, str):
        return b"\x02" + struct.pack(">H", len(value)) + value.encode()
    return b"\x00" + struct.pack(">d", value)


def publish_nothing(port: int, key: str) -> socket.socket:
    """Connect as an encoder whose camera isn't ready: it publishes, and then sends no media."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sendall(b"\x03" + bytes(1536))
    answered = b""
    while len(answered) < 1 + 2 * 1536:
        answered += connection.recv(4096)
    url = f"rtmp://127.0.0.1:{port}/live"
    commands: list[list[str | float | dict[str, str] | None]] = [
        ["connect", 1.0, {"app": "live", "tcUrl": url}],
        ["createStream", 2.0, None],
        ["publish", 3.0, None, key, "live"],
    ]
    connection.sendall(answered[1:1537])
    for command in commands:
        connection.sendall(rtmp_message(20, b"".join(map(amf, command))))
    while b"NetStream.Publish.Start" not in answered:
        answered += connection.recv(4096)
    return connection


def test_an_encoder_that_sends_no_media_is_disconnected_and_may_come_back(
    web: ServerProcess, media: MediaServerProcess, live: tuple[Stream, str], encoder: Encoder
) -> None:
    media.stop()
    media.start(web.url, ENCODER_TIMEOUT="3s")
    stream, key = live
    with publish_nothing(media.rtmp_port, key) as connection:
        assert set(media_server.publishers()) == {stream.public_id}
        while connection.recv(4096):
            pass
    wait_until(lambda: not media_server.publishers(), "disconnected encoder")
    # The network of this one is gone without a word.
    process = encoder(key)
    media.wait_recorded(stream.public_id, 1, parts=2)
    process.send_signal(signal.SIGSTOP)
    wait_until(lambda: not media_server.publishers(), "disconnected encoder")
    process.send_signal(signal.SIGCONT)
    wait_until(lambda: not stream.publisher_connections.filter(lost_at=None).exists(), "callback")
    assert stream.publisher_connections.count() == 2


def test_encoders_and_viewers_do_without_each_others_media_server(
    media: MediaServerProcess, live: tuple[Stream, str], encoder: Encoder
) -> None:
    stream, key = live
    process = encoder(key)
    media.wait_recorded(stream.public_id, 1)
    media.kill("http")
    media.wait_recorded(stream.public_id, 3)
    assert process.poll() is None
