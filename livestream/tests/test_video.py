"""Real video from the encoder to the replay: ffmpeg publishes, the packager packages, ffprobe reads."""

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from accounts.models import User
from accounts.tests.factories import client_for, make_seller, make_staff, make_user
from accounts.tokens import access_token_for
from listings.tests.factories import make_product
from livestream.media import ffmpeg, recordings
from livestream.media.addresses import MediaAddresses
from livestream.media.server import media_server
from livestream.models import ChatMessage, ProductTag, PublisherConnection, Replay, Stream
from livestream.services import broadcasts, replays, streams
from livestream.tests.factories import make_stream
from livestream.tests.media import MediaServerProcess, probe, publish
from soukloop.realtime.testing.servers import ServerProcess
from soukloop.realtime.testing.waiting import wait_until

Encoder = Callable[..., "subprocess.Popen[bytes]"]
READY = {"camera_ready": True, "checklist_complete": True}


@pytest.fixture
def seller(transactional_db: None) -> User:
    return make_seller(username="testseller")


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


def go_live(seller: User, **overrides: Any) -> tuple[Stream, str]:
    stream = make_stream(seller=seller, **overrides)
    data = client_for(seller).post(f"/api/v1/streams/{stream.pk}/go-live", READY).json()["data"]
    stream.refresh_from_db()
    return stream, data["streamKey"]


def wait_until_playable(media: MediaServerProcess, stream: Stream) -> float:
    """Wait for a segment that can be played, and return how long it took."""

    def is_playable() -> bool:
        playlist = media.get_video(stream.public_id, f"live/{stream.public_id}/index.m3u8")
        return playlist is not None and b"EXT-X-STREAM-INF" in playlist

    return wait_until(is_playable, "playable segment", 15)


def wait_until_recorded(stream: Stream) -> None:
    wait_until(lambda: stream.public_id not in media_server.recordings(), "closed recording")


def test_a_stream_from_encoder_to_replay(
    web: ServerProcess,
    media: MediaServerProcess,
    encoder: Encoder,
    sio_client: Any,
    seller: User,
    run_jobs: Any,
) -> None:
    product = make_product(seller=seller)
    stream, key = go_live(seller, products=[product])
    viewer = sio_client(web, access_token_for(make_user())).wait_connected()
    viewer.call("stream:join", {"stream_id": str(stream.pk)})

    assert encoder("sk_wrong", 2).wait(15) != 0
    first = encoder(key)
    waited = wait_until_playable(media, stream)
    print(f"encoder started → first playable segment: {waited:.1f} s")
    assert waited <= 8  # the target is 4 s on a quiet machine
    assert viewer.expect("stream:resumed")["streamId"] == str(stream.pk)

    data = client_for(make_user()).get(f"/api/v1/streams/{stream.pk}").json()["data"]
    assert probe(data["hlsUrl"])["codecs"] == ["aac", "h264"]
    wait_until(lambda: media.get_video(stream.public_id, f"live/{stream.public_id}/manifest.mpd"), "DASH")
    assert probe(data["dashUrl"])["codecs"] == ["aac", "h264"]
    names = [str(path) for path in media.root.rglob("*")]
    assert names
    assert not [name for name in names if key in name]
    assert key.encode() not in media_server._request("GET", "/stat")

    viewer.call("stream:chat", {"stream_id": str(stream.pk), "message": "In the first part"})
    first.kill()
    assert viewer.expect("stream:interrupted")["reconnectBy"]
    second = encoder(key)
    viewer.expect("stream:resumed")
    media.wait_recorded(stream.public_id, 2, parts=2)
    tag = {"x": 0.5, "y": 0.5, "timestamp_seconds": 5}
    client_for(seller).post(f"/api/v1/streams/{stream.pk}/products/{product.pk}/tag", tag)
    viewer.call("stream:chat", {"stream_id": str(stream.pk), "message": "In the second part"})
    media.wait_recorded(stream.public_id, 3, parts=2)

    ended = client_for(seller).post(f"/api/v1/streams/{stream.pk}/end").json()["data"]
    assert viewer.expect("stream:ended")["vodUrl"] == ended["vodUrl"]
    run_jobs()
    assert second.wait(10) != 0, "the encoder is dropped"
    assert encoder(key, 2).wait(15) != 0, "its key is refused"
    wait_until_recorded(stream)
    replays.make_replay(stream_id=stream.pk)
    assert viewer.expect("stream:replay_ready")["state"] == "ready"

    replay = client_for(make_user()).get(f"/api/v1/streams/{stream.pk}/replay").json()["data"]
    assert (replay["state"], replay["progress"]) == ("ready", 100)
    assert replay["vodUrl"] == ended["vodUrl"]
    for url in (replay["vodUrl"], replay["mp4Url"]):
        played = probe(url)
        assert played["codecs"] == ["aac", "h264"]
        # A part begins with audio; its first keyframe is up to a second later.
        assert played["seconds"] == pytest.approx(replay["durationSeconds"], abs=1.5)
    mp4 = media.get_video(stream.public_id, f"vods/{stream.public_id}/video.mp4")
    assert mp4 is not None
    assert mp4.index(b"moov") < mp4.index(b"mdat"), "faststart: it plays while loading"
    poster = media.get_video(stream.public_id, f"vods/{stream.public_id}/poster.jpg")
    assert poster is not None
    assert poster.startswith(b"\xff\xd8")
    assert recordings.of_stream(stream.public_id) == []
    assert not (media.root / "work" / stream.public_id).exists()
    _check_the_media_clock(stream, replay)


def _check_the_media_clock(stream: Stream, replay: dict[str, Any]) -> None:
    """Check that a message in the second part keeps its distance from the start of that part."""
    parts = Replay.objects.get(stream=stream).parts
    assert len(parts) == 2
    first, second = PublisherConnection.objects.filter(stream=stream).order_by("connected_at")
    assert parts[0]["startedAt"] == pytest.approx(first.connected_at.timestamp(), abs=1.5)
    assert parts[1]["startedAt"] == pytest.approx(second.connected_at.timestamp(), abs=1.5)
    in_first, in_second = replay["chat"]
    sent = ChatMessage.objects.filter(stream=stream).order_by("seq")  # clients get whole seconds
    sent_at = [message.created_at.timestamp() for message in sent]
    assert in_first["atSeconds"] == pytest.approx(sent_at[0] - parts[0]["startedAt"], abs=0.01)
    expected = parts[0]["seconds"] + sent_at[1] - parts[1]["startedAt"]
    assert in_second["atSeconds"] == pytest.approx(expected, abs=0.01)
    assert in_second["atSeconds"] > parts[0]["seconds"]
    [tag] = replay["tags"]
    tagged_at = ProductTag.objects.get().created_at.timestamp()
    assert tag["atSeconds"] == pytest.approx(
        parts[0]["seconds"] + tagged_at - parts[1]["startedAt"], abs=0.01
    )


def test_a_stream_that_is_not_recorded_leaves_no_files(
    media: MediaServerProcess, encoder: Encoder, seller: User, run_jobs: Any
) -> None:
    stream, key = go_live(seller, record_stream=False)
    encoder(key)
    wait_until_playable(media, stream)
    streams.end_stream(actor=seller, stream_id=stream.pk)
    run_jobs()
    wait_until_recorded(stream)
    wait_until(lambda: not list((media.root / "recordings").glob("*.flv")), "empty folder")
    assert list((media.root / "vods").iterdir()) == []
    assert not Replay.objects.exists()


def test_rotating_the_key_and_ending_by_staff_drop_the_encoder(
    media: MediaServerProcess, encoder: Encoder, seller: User, run_jobs: Any
) -> None:
    stream, key = go_live(seller)
    process = encoder(key)
    wait_until_playable(media, stream)
    new_key = client_for(seller).post(f"/api/v1/streams/{stream.pk}/rotate-key").json()["data"]["streamKey"]
    run_jobs()
    assert process.wait(10) != 0
    assert encoder(key, 2).wait(15) != 0
    process = encoder(new_key)
    wait_until(lambda: media_server.publishers(), "publisher")
    streams.end_stream_by_staff(actor=make_staff(), stream_id=stream.pk, reason="Counterfeits")
    run_jobs()
    assert process.wait(10) != 0
    stream.refresh_from_db()
    assert (stream.status, stream.end_reason, stream.end_note) == ("ended", "staff", "Counterfeits")


def test_a_stream_ends_and_its_replay_is_made_after_the_media_server_was_killed(
    media: MediaServerProcess, encoder: Encoder, seller: User, run_jobs: Any, settings: Any
) -> None:
    stream, key = go_live(seller)
    encoder(key)
    wait_until_playable(media, stream)
    media.wait_recorded(stream.public_id, 2)
    media.kill()
    PublisherConnection.objects.update(connected_at=F("connected_at") - timedelta(seconds=30))
    broadcasts.reconcile_publishers()
    connection = PublisherConnection.objects.get()
    assert connection.lost_at is not None
    stream.refresh_from_db()
    assert stream.status == "live", "its encoder has a minute to come back"
    PublisherConnection.objects.update(lost_at=timezone.now() - timedelta(seconds=61))
    broadcasts.reconcile_publishers()
    stream.refresh_from_db()
    assert (stream.status, stream.end_reason) == ("ended", "publisher_gone")
    run_jobs()
    replay = Replay.objects.get()
    assert replay.state == "ready"
    assert replay.duration_seconds is not None
    assert replay.duration_seconds > 1
    assert (media.root / "vods" / f"{stream.public_id}.m3u8").exists()


def test_an_encoder_reconnects_to_a_restarted_media_server(
    web: ServerProcess, media: MediaServerProcess, encoder: Encoder, seller: User
) -> None:
    stream, key = go_live(seller)
    encoder(key)
    wait_until_playable(media, stream)
    media.kill()
    media.start(web.url)
    encoder(key)
    wait_until(lambda: media_server.publishers(), "publisher")
    assert (
        list(PublisherConnection.objects.order_by("connected_at").values_list("lost_at", flat=True))[1]
        is None
    )
    broadcasts.reconcile_publishers()
    stream.refresh_from_db()
    assert stream.status == "live"


@pytest.mark.faults
def test_broadcasts_continue_without_the_web_process_and_their_end_is_detected_later(
    media: MediaServerProcess,
    live_server_process: Any,
    encoder: Encoder,
    seller: User,
    settings: Any,
) -> None:
    fresh = live_server_process(fresh=True, environment=media.environment)[0]
    media.stop()
    media.start(fresh.url)
    stream, key = go_live(seller)
    process = encoder(key)
    wait_until_playable(media, stream)
    fresh.kill()
    playlist = media.root / "live" / stream.public_id / "video.m3u8"
    before = playlist.read_bytes()
    wait_until(
        lambda: playlist.read_bytes() != before,
        "new segment",
        10,
    )
    assert process.poll() is None
    assert encoder(key, 2).wait(15) != 0, "without an answer a publisher is refused"
    process.kill()
    wait_until_recorded(stream)
    PublisherConnection.objects.update(connected_at=F("connected_at") - timedelta(seconds=30))
    broadcasts.reconcile_publishers()
    assert PublisherConnection.objects.get().lost_at is not None


def test_a_killed_replay_job_resumes_at_the_next_step(
    media: MediaServerProcess, encoder: Encoder, seller: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream, key = go_live(seller)
    encoder(key, 3).wait(20)
    wait_until(lambda: recordings.of_stream(stream.public_id), "recording")
    wait_until_recorded(stream)
    streams.end_stream(actor=seller, stream_id=stream.pk)

    class Killed(BaseException):
        pass

    def killed(*arguments: Any, **more: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(ffmpeg, "save_poster", killed)
        with pytest.raises(Killed):
            replays.make_replay(stream_id=stream.pk)
    replay = Replay.objects.get()
    assert (replay.state, replay.step, replay.progress) == ("processing", "segment", 60)
    with monkeypatch.context() as patch:
        patch.setattr(ffmpeg, "mux", killed)
        patch.setattr(ffmpeg, "segment", killed)
        replays.make_replay(stream_id=stream.pk)
    replay.refresh_from_db()
    assert (replay.state, replay.step) == ("ready", "check")
    assert probe(MediaAddresses(stream.public_id, viewer_id=None).vod)["seconds"] > 2
