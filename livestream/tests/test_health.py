"""What the seller reads of an encoder: measured from messages, kept in Redis, sent to the devices."""

import struct
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.tests.factories import client_for, make_seller, make_user
from livestream import keys
from livestream.media.flv.tags import GrowingRecording, Tag
from livestream.media.health import HealthMeter
from livestream.models import PublisherConnection, Stream
from livestream.packager_reports import PackagerReports
from livestream.selectors.broadcasts import broadcast_state
from livestream.services import health
from livestream.tests.factories import make_live_stream
from livestream.tests.flv_files import encode, flv_bytes
from soukloop.core.redis.client import redis_client
from soukloop.realtime.testing.waiting import wait_until

START = 1_700_000_000.0
# What ffmpeg's x264 announces for 160 × 90 at 25 frames a second, and its AAC encoder for stereo at 44.1 kHz.
AVC_HEADER = Tag(
    "video",
    0,
    bytes.fromhex("17000000000142c00bffe100186742c00bda0a37e4c044000003000400000300c83c50aa8001000468ce0fc8"),
    0,
    0,
)
AAC_HEADER = Tag("audio", 0, bytes.fromhex("af00121056e500"), 0, 0)


def video(at_ms: int, *, key: bool = False, size: int = 1000) -> Tag:
    payload = bytes([0x17 if key else 0x27, 1, 0, 0, 0]) + struct.pack(">I", size - 9) + b"\x41" * (size - 9)
    return Tag("video", at_ms, payload, 0, 0)


def audio(at_ms: int, *, size: int = 320) -> Tag:
    return Tag("audio", at_ms, b"\xaf\x01" + b"\x00" * (size - 2), 0, 0)


def frames(
    first_ms: int, last_ms: int, *, interval: int = 40, gop: int = 25, skip: Any = ()
) -> Iterator[Tag]:
    for number, at in enumerate(range(first_ms, last_ms, interval)):
        if number not in skip:
            yield video(at, key=number % gop == 0)


def recorded(*tags: Tag, offset: int = 13) -> list[Tag]:
    """Return messages with their places in a recording, 100 bytes each."""
    return [
        tag._replace(offset=offset + 100 * number, end=offset + 100 * (number + 1))
        for number, tag in enumerate(tags)
    ]


def meter_after(
    *tags: Tag, delay: float = 0.0, headers: tuple[Tag, ...] = (AVC_HEADER, AAC_HEADER)
) -> HealthMeter:
    """Feed messages, each arriving when its timestamp says."""
    meter = HealthMeter(START)
    for tag in [*headers, *sorted(tags, key=lambda tag: tag.timestamp)]:
        meter.feed(tag, START + delay + tag.timestamp / 1000)
    return meter


def sound(first_ms: int, last_ms: int) -> list[Tag]:
    return [audio(at) for at in range(first_ms, last_ms, 23)]


def codes(meter: HealthMeter, seconds: float) -> list[str]:
    return [str(warning) for warning in meter.measure(START + seconds).warnings]


def test_a_good_encoder_is_measured_without_warnings() -> None:
    measured = meter_after(*frames(0, 10_000), *sound(0, 10_000)).measure(START + 10)
    assert measured.video is not None
    assert (measured.video.codec, measured.video.width, measured.video.height) == ("h264", 160, 90)
    assert measured.video.frame_rate == pytest.approx(25, abs=0.1)
    assert measured.video.bitrate == pytest.approx(25 * 1000 * 8, rel=0.02)
    assert measured.video.keyframe_distance == 1.0
    assert measured.audio is not None
    assert measured.audio.bitrate == pytest.approx(320 * 8 / 0.023, rel=0.02)
    assert measured.dropped_frames == 0
    assert measured.last_media_at == pytest.approx(START + 10, abs=0.1)
    assert measured.warnings == ()


@pytest.mark.parametrize(
    ("tags", "seconds", "warning"),
    [
        pytest.param([*frames(0, 9_000, gop=208), *sound(0, 9_000)], 9, "keyframes_too_far", id="8.3 s"),
        pytest.param(sound(0, 6_000), 6, "no_picture", id="sound alone"),
        pytest.param([*frames(0, 4_000), *sound(0, 9_000)], 9, "no_picture", id="picture stops"),
        pytest.param(list(frames(0, 6_000)), 6, "no_sound", id="picture alone"),
        pytest.param([*frames(0, 9_000), *sound(0, 4_000)], 9, "no_sound", id="sound stops"),
        pytest.param([*frames(0, 2_000), *sound(0, 2_000)], 6, "no_media", id="nothing any more"),
        pytest.param([], 4, "no_media", id="nothing at all"),
    ],
)
def test_what_viewers_would_complain_about_is_a_warning(
    tags: list[Tag], seconds: float, warning: str
) -> None:
    assert codes(meter_after(*tags), seconds) == [warning]


@pytest.mark.parametrize("jump", [-8_000, 30_000])
def test_a_jump_of_the_clock_is_remembered_for_a_minute(jump: int) -> None:
    meter = meter_after(*frames(10_000, 15_000), *sound(10_000, 15_000))
    for tag in sorted([*frames(15_000, 20_000), *sound(15_000, 20_000)], key=lambda tag: tag.timestamp):
        meter.feed(tag._replace(timestamp=tag.timestamp + jump), START + tag.timestamp / 1000)
    assert codes(meter, 20) == ["clock_jumped"]
    for tag in sorted([*frames(75_000, 80_000), *sound(75_000, 80_000)], key=lambda tag: tag.timestamp):
        meter.feed(tag._replace(timestamp=tag.timestamp + jump), START + tag.timestamp / 1000)
    assert codes(meter, 80) == []


def test_an_encoder_that_paused_did_not_jump() -> None:
    meter = meter_after(*frames(0, 5_000), *sound(0, 5_000), *frames(20_000, 25_000), *sound(20_000, 25_000))
    assert codes(meter, 25) == []


def test_media_that_arrives_later_and_later_is_too_fast_for_the_connection() -> None:
    meter = HealthMeter(START)
    for tag in [AVC_HEADER, AAC_HEADER]:
        meter.feed(tag, START)
    for tag in sorted([*frames(0, 10_000), *sound(0, 10_000)], key=lambda tag: tag.timestamp):
        meter.feed(tag, START + tag.timestamp / 1000 * 1.3)
    assert codes(meter, 13) == ["too_fast_for_connection"]


def test_missing_frames_of_a_constant_rate_are_counted() -> None:
    meter = meter_after(*frames(0, 8_000, skip={100, 101, 150}), *sound(0, 8_000))
    assert meter.measure(START + 8).dropped_frames == 3


def test_hevc_is_a_codec_that_browsers_can_not_play() -> None:
    hevc = Tag("video", 0, b"\x90hvc1" + bytes(23), 0, 0)
    meter = meter_after(headers=(hevc, AAC_HEADER))
    assert "unsupported_codec" in codes(meter, 1)
    assert meter.measure(START + 1).video is not None


@pytest.fixture
def seller(db: None) -> Any:
    return make_seller()


@pytest.fixture
def stream(seller: Any) -> Stream:
    return make_live_stream(seller=seller)


def connect(
    stream: Stream, *, seconds_ago: int = 5, lost_seconds_ago: int | None = None
) -> PublisherConnection:
    now = timezone.now()
    lost_at = None if lost_seconds_ago is None else now - timedelta(seconds=lost_seconds_ago)
    return PublisherConnection.objects.create(
        stream=stream,
        client_id=str(seconds_ago),
        connected_at=now - timedelta(seconds=seconds_ago),
        lost_at=lost_at,
    )


def health_of(stream: Stream) -> dict[str, Any]:
    answer = client_for(stream.seller).get(f"/api/v1/streams/{stream.pk}/health")
    assert answer.status_code == 200
    data: dict[str, Any] = answer.json()["data"]
    return data


def test_the_seller_reads_the_last_measurement_and_gets_it_on_the_devices(
    stream: Stream, captured_events: list[Any]
) -> None:
    connect(stream)
    measured = meter_after(*frames(0, 9_000, gop=208), *sound(0, 9_000)).measure(START + 9)
    health.report_health(public_id=stream.public_id, health=measured)
    data = health_of(stream)
    assert (data["isConnected"], data["hasPicture"], data["reconnectBy"]) == (True, False, None)
    assert data["video"]["keyframeDistance"] == pytest.approx(8.3, abs=0.1)
    assert data["lastMediaAt"] == "2023-11-14T22:13:28Z"
    assert [warning["code"] for warning in data["warnings"]] == ["keyframes_too_far"]
    [(room, event, sent)] = captured_events
    assert (room, event) == (f"user.{stream.seller_id}", "stream:health")
    assert sent["video"] == data["video"]
    assert 0 < redis_client().ttl(keys.stream_health(stream.pk)) <= 15


@pytest.mark.parametrize("first", [b"\x90hvc1", b"\x1c\0"])
def test_the_size_of_a_picture_that_cannot_be_shown_is_unknown(stream: Stream, first: bytes) -> None:
    connect(stream)
    measured = meter_after(Tag("video", 0, first + bytes(30), 0, 0)).measure(START + 1)
    health.report_health(public_id=stream.public_id, health=measured)
    shown = health_of(stream)["video"]
    assert (shown["codec"], shown["width"], shown["height"]) == ("hevc", None, None)


def test_an_encoder_that_connects_and_sends_nothing_is_reported(stream: Stream) -> None:
    connection = connect(stream, seconds_ago=2)
    assert health_of(stream)["warnings"] == []
    connection.connected_at -= timedelta(seconds=10)
    connection.save()
    assert [warning["code"] for warning in health_of(stream)["warnings"]] == ["no_media"]


def test_the_seller_of_a_silent_encoder_is_told_on_the_devices_within_five_seconds(
    reports: PackagerReports, captured_events: list[Any]
) -> None:
    quiet, measured, lost = (make_live_stream() for _ in range(3))
    connect(quiet, seconds_ago=0)
    connect(measured, seconds_ago=9)
    connect(lost, seconds_ago=9, lost_seconds_ago=5)
    for tag in recorded(AVC_HEADER, AAC_HEADER, video(0, key=True), audio(20)):
        reports.on_tag(measured.public_id, "a.flv", tag, time.time())
    began = time.monotonic()

    def told() -> list[Any]:
        return [sent for room, _, sent in captured_events if room == f"user.{quiet.seller_id}"]

    wait_until(told, "stream:health of the silent encoder", 20)
    assert time.monotonic() - began > 2
    [warning] = told()[0]["warnings"]
    assert (warning["code"], told()[0]["video"], told()[0]["streamId"]) == ("no_media", None, str(quiet.pk))
    assert told()[0] == {
        name: value
        for name, value in health_of(quiet).items()
        if name not in ("isConnected", "hasPicture", "reconnectBy")
    }
    of_others = [sent for room, event, sent in captured_events if room == f"user.{measured.seller_id}"]
    assert of_others
    assert all(sent["video"] for sent in of_others)
    assert not [sent for room, _, sent in captured_events if room == f"user.{lost.seller_id}"]


def test_no_media_is_not_said_of_an_encoder_that_disconnected(
    stream: Stream, captured_events: list[Any]
) -> None:
    connection = connect(stream)
    measured = meter_after(*frames(0, 2_000), *sound(0, 2_000)).measure(START + 9)
    assert "no_media" in measured.warnings
    health.report_health(public_id=stream.public_id, health=measured)
    assert [warning["code"] for warning in health_of(stream)["warnings"]] == ["no_media"]
    connection.lost_at = timezone.now()
    connection.save(update_fields=["lost_at"])
    health.report_health(public_id=stream.public_id, health=measured)
    assert health_of(stream)["warnings"] == []
    assert len(captured_events) == 1


def test_the_health_of_a_stream_belongs_to_its_seller(stream: Stream) -> None:
    assert client_for(make_user()).get(f"/api/v1/streams/{stream.pk}/health").status_code == 403


def test_a_stream_without_an_encoder_has_nothing_measured(stream: Stream) -> None:
    data = health_of(stream)
    assert (data["isConnected"], data["video"], data["audio"], data["warnings"]) == (False, None, None, [])


def test_the_room_hears_of_the_first_segment_of_each_connection_once(
    stream: Stream, captured_events: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    connect(stream, seconds_ago=9, lost_seconds_ago=5)
    assert broadcast_state(stream).reconnect_by is not None
    connect(stream, seconds_ago=3)
    assert broadcast_state(stream) == (True, False, None, "")
    for _ in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            health.report_first_segment(public_id=stream.public_id)
    assert captured_events == [(f"stream.{stream.pk}", "stream:resumed", {"streamId": str(stream.pk)})]
    assert broadcast_state(stream) == (True, True, None, "")


def test_an_encoder_nobody_could_watch_is_disconnected_and_the_seller_reads_why(
    stream: Stream, run_jobs: Any, unreachable_media_server: None
) -> None:
    connection = connect(stream)
    for _ in range(2):
        health.refuse_encoder(public_id=stream.public_id, reason="unsupported_codec")
    assert run_jobs() == ["livestream.drop_publisher"]
    connection.lost_at = timezone.now()
    connection.save(update_fields=["lost_at"])
    [warning] = health_of(stream)["warnings"]
    assert warning["code"] == "unsupported_codec"
    assert "H.264" in warning["message"]


@pytest.fixture
def reports(transactional_db: None, tmp_path: Any, settings: Any) -> Iterator[PackagerReports]:
    settings.MEDIA_ROOT = tmp_path
    reports = PackagerReports()
    reports.start()
    yield reports
    reports.stop()


def test_the_packager_reports_the_newest_connection_until_it_is_closed(
    reports: PackagerReports, captured_events: list[Any], settings: Any
) -> None:
    settings.DISK_FREE_MIN_BYTES = 2**60
    stream = make_live_stream()
    connect(stream)
    now = time.time()
    for tag in recorded(AVC_HEADER, AAC_HEADER, video(0, key=True), audio(20)):
        reports.on_tag(stream.public_id, "old.flv", tag, now - 60)
    for tag in recorded(AVC_HEADER, AAC_HEADER, video(0, key=True), video(40), audio(40)):
        reports.on_tag(stream.public_id, "new.flv", tag, now)
    reports.on_first_segment(stream.public_id)
    wait_until(lambda: health_of(stream)["video"], "measurement", 20)
    data = health_of(stream)
    assert (data["hasPicture"], data["droppedFrames"]) == (True, 0)
    assert "storage_full" in [warning["code"] for warning in data["warnings"]]
    assert [event for _, event, _ in captured_events][:2] == ["stream:resumed", "stream:health"]
    assert list(reports._connections) == ["new.flv"]


def test_the_packager_has_an_encoder_disconnected_that_nobody_could_watch(reports: PackagerReports) -> None:
    stream = make_live_stream()
    connection = connect(stream)
    hevc = Tag("video", 0, b"\x90hvc1" + bytes(23), 0, 0)
    for tag in recorded(hevc, hevc._replace(payload=b"\x91hvc1" + bytes(99))):
        reports.on_tag(stream.public_id, "a.flv", tag, time.time())

    def is_refused() -> bool:
        connection.refresh_from_db()
        return connection.refusal == "unsupported_codec"

    wait_until(is_refused, "refusal", 20)
    assert ProcrastinateJob.objects.filter(task_name="livestream.drop_publisher", status="todo").count() == 1


def test_a_first_segment_that_could_not_be_reported_is_reported_later(
    reports: PackagerReports, captured_events: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = make_live_stream()
    connect(stream)
    report, attempts = health.report_first_segment, []

    def fail_at_first(*, public_id: str) -> None:
        attempts.append(public_id)
        if len(attempts) < 3:
            raise OperationalError("the database system is starting up")
        report(public_id=public_id)

    monkeypatch.setattr(health, "report_first_segment", fail_at_first)
    reports.on_first_segment(stream.public_id)
    wait_until(lambda: broadcast_state(stream).has_picture, "first segment", 20)
    assert attempts == [stream.public_id] * 3


@pytest.mark.parametrize("public_id", ["stream_0000", ""])
def test_reports_about_unknown_or_ended_streams_change_nothing(
    db: None, captured_events: list[Any], public_id: str
) -> None:
    health.report_health(public_id=public_id, health=HealthMeter(START).measure(START))
    health.report_first_segment(public_id=public_id)
    health.refuse_encoder(public_id=public_id, reason="unsupported_codec")
    assert captured_events == []


def test_a_restarted_packager_knows_the_codecs_and_does_not_take_what_it_reads_again_for_a_jump(
    db: None, tmp_path: Path, settings: Any
) -> None:
    settings.MEDIA_ROOT = tmp_path
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings" / "stream_1-1.flv").write_bytes(flv_bytes(encode(seconds=4)))
    with GrowingRecording(tmp_path / "recordings" / "stream_1-1.flv") as recording:
        read = recording.read()
    reports, now = PackagerReports(), time.time()
    later = read[len(read) // 2 :]
    for tag in (*later, *later[-20:]):
        reports.on_tag("stream_1", "stream_1-1.flv", tag, now + tag.timestamp / 1000)
    measured = reports._connections["stream_1-1.flv"].meter.measure(now + 4)
    assert measured.video is not None
    assert measured.audio is not None
    assert measured.warnings == ()
