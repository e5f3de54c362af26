"""Joining recordings that differ: what the replay shows, and when."""

import os
import subprocess
from collections.abc import Callable, Iterable
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from livestream.media import ffmpeg, replay_video
from livestream.media.flv.tags import Tag
from livestream.media.replay_sections import Contents, read_contents
from livestream.tests.flv_files import VIDEO, encode, flv_bytes, moved

pytestmark = pytest.mark.media

# Encoded when a test needs them: every worker collects all tests.
WIDE = partial(encode, seconds=3)
MP3 = ("-c:a", "libmp3lame")
PCM = ("-c:a", "pcm_s16le")
TURNED = partial(encode, seconds=3, size="90x160")
NOON = 1_700_000_000
Encoding = Callable[[], tuple[Tag, ...]]


class Recordings:
    """Files as the media server writes them, and the video made of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths: list[Path] = []

    def add(self, tags: Iterable[Tag], *, opened_at: int = NOON, closed_at: float = NOON) -> None:
        path = self.folder / f"stream_0{len(self.paths)}-{opened_at}.flv"
        path.write_bytes(flv_bytes(tags))
        os.utime(path, (closed_at, closed_at))
        self.paths.append(path)

    def join(self) -> tuple[Path, Contents]:
        """Join them; the video has picture and sound throughout, and decodes without errors."""
        contents = read_contents(self.paths)
        video = self.folder / "video.mp4"
        replay_video.join(contents.pieces, video)
        lengths = ffmpeg.track_lengths(video)
        assert set(lengths) == {"video", "audio"}
        seconds = contents.milliseconds / 1000
        assert lengths["video"] == pytest.approx(seconds, abs=0.2)
        assert lengths["audio"] == pytest.approx(seconds, abs=0.2)
        assert ffmpeg.decode_errors([video.read_bytes()], folder=self.folder, seconds=seconds) == ""
        return video, contents


@pytest.fixture
def recorded(tmp_path: Path) -> Recordings:
    return Recordings(tmp_path)


def pixels(video: Path, at: float) -> bytes:
    """Return the picture at a time, as 4 by 4 points of grey."""
    return subprocess.run(
        [
            *("ffmpeg", "-v", "error", "-ss", f"{at:.3f}", "-i", str(video), "-frames:v", "1"),
            *("-vf", "scale=4:4:flags=area", "-f", "rawvideo", "-pix_fmt", "gray", "-"),
        ],
        check=True,
        capture_output=True,
    ).stdout


def loudness(video: Path) -> list[int]:
    """Return the loudest sample of each 10 ms."""
    samples = memoryview(
        subprocess.run(
            ["ffmpeg", "-v", "error", "-i", video, "-ac", "1", "-ar", "8000", "-f", "s16le", "-"],
            check=True,
            capture_output=True,
        ).stdout
    ).cast("h")
    return [max(map(abs, samples[start : start + 80])) for start in range(0, len(samples) - 80, 80)]


def beeps(video: Path) -> list[float]:
    """Return the seconds at which a sound begins after silence."""
    levels = loudness(video)
    is_loud = [level > 3000 for level in levels]
    return [
        number / 100
        for number in range(len(levels))
        if is_loud[number] and not any(is_loud[max(0, number - 20) : number])
    ]


def beeping(seconds: int, rate: int, codec: tuple[str, ...] = ("-c:a", "aac")) -> tuple[Tag, ...]:
    """A recording with a beep of 100 ms in the middle of each second."""
    gate = "volume='between(mod(t,1),0.5,0.6)':eval=frame"
    return encode("-af", f"asetnsamples=n=64,{gate}", seconds=seconds, sound_rate=rate, audio=codec)


def test_recordings_that_are_alike_are_copied(recorded: Recordings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(ffmpeg, "encode")
    recorded.add(WIDE())
    recorded.add(WIDE())
    _, contents = recorded.join()
    assert contents.milliseconds == pytest.approx(6000, abs=150)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (WIDE, partial(encode, "-map", "1:a", "-map", "0:v", seconds=3)),
        (WIDE, TURNED),
        (WIDE, partial(encode, seconds=3, rate="12")),
        (WIDE, partial(encode, seconds=3, video=(*VIDEO, "-g", "25", "-profile:v", "high", "-bf", "2"))),
        (WIDE, partial(encode, "-ac", "2", seconds=3)),
        (WIDE, partial(encode, seconds=3, sound_rate=22050)),
        (partial(encode, seconds=3, audio=()), WIDE),
        (partial(encode, seconds=3, video=()), WIDE),
        (partial(encode, seconds=3, audio=MP3), WIDE),
        (partial(encode, seconds=3, audio=PCM), partial(encode, seconds=3, audio=MP3)),
        (partial(encode, seconds=3, video=()), partial(encode, seconds=3, audio=())),
    ],
    ids=[
        *("order of tracks", "turned", "frame rate", "profile", "channels", "sample rate"),
        *("without sound", "without picture", "mp3", "pcm", "sound, then picture"),
    ],
)
def test_recordings_that_differ_are_joined_without_a_fault(
    recorded: Recordings, first: Encoding, second: Encoding
) -> None:
    recorded.add(first())
    recorded.add(second())
    _, contents = recorded.join()
    assert contents.milliseconds == pytest.approx(6000, abs=200)


@pytest.mark.parametrize(
    ("rates", "codecs"),
    [
        ((44100, 48000), ("aac", "aac")),
        ((48000, 44100), ("aac", "aac")),
        ((44100, 44100), ("libmp3lame", "aac")),
    ],
)
def test_sound_of_another_rate_or_codec_does_not_drift(
    recorded: Recordings, rates: tuple[int, int], codecs: tuple[str, str]
) -> None:
    expected = []
    position = 0.0
    for rate, codec in zip(rates, codecs, strict=True):
        recorded.add(beeping(6, rate, ("-c:a", codec)))
    video, contents = recorded.join()
    for piece in contents.pieces:
        position = piece.position / 1000
        expected += [position + second + 0.5 for second in range(6)]
    heard = beeps(video)
    assert heard == pytest.approx(expected, abs=0.12)
    errors = [at - when for at, when in zip(heard, expected, strict=True)]
    assert max(errors) - min(errors) < 0.1, "each recording's beeps come as late as the other's"


def test_a_phone_that_is_turned_half_way_keeps_its_shape(recorded: Recordings) -> None:
    recorded.add([*WIDE(), *moved(TURNED(), 3040), *moved(WIDE(), 6080)])
    video, contents = recorded.join()
    assert len(contents.pieces) == 3
    assert contents.milliseconds == pytest.approx(9000, abs=300)
    wide, turned, again = (pixels(video, piece.position / 1000 + 1.5) for piece in contents.pieces)
    for row in range(4):
        assert turned[4 * row] < 40, "black at the left"
        assert turned[4 * row + 3] < 40, "and at the right"
    assert max(turned) > 60
    assert [abs(a - b) < 12 for a, b in zip(wide, again, strict=True)] == [True] * 16


def test_a_black_picture_stands_in_only_until_the_first_real_one(
    recorded: Recordings, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = [tag for tag in moved(WIDE(), 4000) if tag.kind == "video"]
    sound = [tag for tag in encode(seconds=7) if tag.kind == "audio"]
    recorded.add(sorted([*sound, *late], key=lambda tag: tag.timestamp))
    video, contents = recorded.join()
    assert [piece.section.has_picture for piece in contents.pieces] == [False, True]
    assert max(pixels(video, 2)) < 40
    assert max(pixels(video, 5.5)) > 100
    assert contents.picture_at == pytest.approx(5.5, abs=0.5)


@pytest.mark.parametrize("jump", [-8000, 30_000])
def test_a_jump_of_the_clock_makes_no_hole(recorded: Recordings, jump: int) -> None:
    first = moved(WIDE(), 10_000)
    recorded.add([*first, *moved(WIDE(), 13_000 + jump)], opened_at=NOON - 6)
    _, contents = recorded.join()
    assert contents.milliseconds == pytest.approx(6000, abs=200)
    [part] = contents.parts
    assert part["startedAt"] == pytest.approx(NOON - 6, abs=0.3)
    assert part["seconds"] == pytest.approx(6, abs=0.2)


def test_a_pause_of_the_encoder_is_left_out_and_known(recorded: Recordings) -> None:
    recorded.add([*WIDE(), *moved(WIDE(), 3000 + 20_000)], opened_at=NOON - 26)
    _, contents = recorded.join()
    first, second = contents.parts
    assert first["startedAt"] == pytest.approx(NOON - 26, abs=0.3)
    assert second["startedAt"] == pytest.approx(NOON - 3, abs=0.3)
    assert first["seconds"] + second["seconds"] == pytest.approx(6, abs=0.2)


def test_each_connection_is_a_part(recorded: Recordings) -> None:
    recorded.add(WIDE(), closed_at=NOON)
    recorded.add(WIDE(), closed_at=NOON + 3.2)
    contents = read_contents(recorded.paths)
    starts = [part["startedAt"] for part in contents.parts]
    assert starts == pytest.approx([NOON - 3, NOON + 0.2], abs=0.2)


def test_every_segment_begins_with_a_keyframe_and_its_parameters(
    recorded: Recordings, tmp_path: Path
) -> None:
    recorded.add([*WIDE(), *moved(TURNED(), 3040), *moved(encode(seconds=9), 6080)])
    video, _ = recorded.join()
    ffmpeg.segment(video, tmp_path / "hls", prefix="x/")
    segments = sorted((tmp_path / "hls").glob("*.m4s"))
    assert len(segments) > 1
    playlist = (tmp_path / "hls" / "index.m3u8").read_text()
    assert '#EXT-X-MAP:URI="x/init.mp4"' in playlist
    assert [line for line in playlist.splitlines() if line[0] != "#"] == [f"x/{one.name}" for one in segments]
    initialization = (tmp_path / "hls" / "init.mp4").read_bytes()
    segment = tmp_path / "alone.mp4"
    for path in segments:
        segment.write_bytes(initialization + path.read_bytes())
        first = subprocess.run(
            [
                *("ffprobe", "-v", "error", "-select_streams", "v", "-read_intervals", "%+#1"),
                *("-show_entries", "packet=flags", "-of", "csv=p=0", str(segment)),
            ],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        assert first.startswith("K")
        decoded = subprocess.run(
            ["ffmpeg", "-v", "error", "-i", str(segment), "-f", "null", "-"], capture_output=True, check=True
        )
        assert decoded.stderr == b"", "each can be decoded alone"


def hevc(seconds: int) -> list[Tag]:
    """Tags as an encoder with enhanced RTMP sends them."""
    numbers = count(0, 40)
    config = Tag("video", 0, b"\x90hvc1" + bytes(30), 0, 0)
    return [
        config,
        *(Tag("video", next(numbers), b"\x91hvc1" + bytes(100), 0, 0) for _ in range(25 * seconds)),
    ]


def test_a_codec_that_cannot_be_shown_leaves_nothing_to_join(recorded: Recordings) -> None:
    sound = [tag for tag in WIDE() if tag.kind == "audio"]
    recorded.add(sorted([*hevc(3), *sound], key=lambda tag: tag.timestamp))
    contents = read_contents(recorded.paths)
    assert contents.pieces == []
    [text] = contents.unsupported
    assert "hevc" in text


def test_what_was_sent_before_a_broken_place_is_joined_and_the_place_is_known(recorded: Recordings) -> None:
    recorded.add(WIDE())
    path = recorded.paths[0]
    path.write_bytes(path.read_bytes() + b"\xff" * 100 + flv_bytes(WIDE()))
    _, contents = recorded.join()
    assert contents.milliseconds == pytest.approx(3000, abs=150)
    assert len(contents.broken) == 1


def test_more_formats_than_there_are_ids_fail_instead_of_being_garbled(
    recorded: Recordings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_video, "_PARAMETER_SET_IDS", range(0))
    recorded.add(WIDE())
    recorded.add(TURNED())
    with pytest.raises(ffmpeg.FfmpegError, match="too many formats"):
        recorded.join()


@pytest.mark.parametrize("sound_only", [1.0, 2.0, 3.0])
def test_a_picture_that_stops_first_stands_until_the_end(recorded: Recordings, sound_only: float) -> None:
    tags = encode(seconds=5)
    recorded.add(tag for tag in tags if tag.kind != "video" or tag.timestamp < 5000 - sound_only * 1000)
    recorded.add(tag for tag in encode(seconds=4) if tag.kind == "audio")
    recorded.join()
