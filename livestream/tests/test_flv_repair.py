"""A broadcast has one timeline with picture and sound throughout, whatever an encoder sends."""

from collections.abc import Iterable

import pytest

from livestream.media.flv.h264 import parse_record
from livestream.media.flv.repair import Frame, Repair, Section
from livestream.media.flv.tags import Tag
from livestream.tests.flv_files import (
    AUDIO,
    VIDEO,
    assert_flawless,
    encode,
    media_of,
    moved,
    sections_of,
)

pytestmark = pytest.mark.media

Sections = list[tuple[Section, list[Frame]]]
FEW_KEYFRAMES = (*VIDEO, "-g", "200")


def repaired(tags: Iterable[Tag], repair: Repair | None = None) -> Sections:
    sections = sections_of(tags, repair)
    assert_flawless(sections)
    return sections


def of_kind(sections: Sections, kind: str, *, is_filler: bool | None = None) -> list[Frame]:
    return [
        frame
        for _, frames in sections
        for frame in frames
        if frame.kind == kind and is_filler in (None, frame.is_filler)
    ]


def length(sections: Sections) -> int:
    """Return the whole length in ms, to the last frame's beginning."""
    return max(frame.dts for _, frames in sections for frame in frames)


def shapes(sections: Sections) -> list[tuple[bool, bool]]:
    """Return for each section whether it has a picture and sound of the encoder's."""
    return [(section.has_picture, section.has_sound) for section, _ in sections]


def merged(*parts: Iterable[Tag]) -> list[Tag]:
    """Return tags in the order in which an encoder sends them."""
    return sorted((tag for part in parts for tag in part), key=lambda tag: tag.timestamp)


def only(tags: Iterable[Tag], kind: str, since: int = 0, until: int = 1 << 31) -> list[Tag]:
    """Return one track's tags in a time, with all of its configurations."""
    return [
        tag for tag in tags if tag.kind == kind and (since <= tag.timestamp < until or tag.payload[1] == 0)
    ]


# Good encoders


@pytest.mark.parametrize(
    "video",
    [
        pytest.param((*VIDEO, "-g", "25"), id="keyframe every second"),
        pytest.param((*VIDEO, "-g", "50", "-x264-params", "bframes=3:b-pyramid=normal"), id="B-frames"),
        pytest.param((*VIDEO, "-g", "1000"), id="one keyframe"),
        pytest.param((*VIDEO, "-tune", "zerolatency", "-r", "60"), id="60 frames a second"),
        pytest.param((*VIDEO, "-vf", "select='lt(mod(n,7),3)'", "-vsync", "vfr"), id="variable rate"),
    ],
)
def test_what_a_good_encoder_sends_stays_as_it_is(video: tuple[str, ...]) -> None:
    tags = encode(video=video)
    sections = repaired(tags)
    [(section, _)] = sections
    assert (section.number, section.start, section.has_picture, section.has_sound) == (0, 0, True, True)
    assert (section.video.codec, section.video.width, section.video.height) == ("h264", 160, 90)
    assert (section.audio.codec_string, section.audio.sample_rate) == ("mp4a.40.2", 44100)
    start = min(tag.timestamp for tag in tags if tag.kind != "script")
    for kind in ("video", "audio"):
        got = of_kind(sections, kind, is_filler=False)
        assert [(frame.dts, frame.data) for frame in got] == [
            (tag.timestamp - start, tag.payload) for tag in media_of(tags, kind)
        ]
        assert not of_kind(sections, kind, is_filler=True)
    delays = [int.from_bytes(tag.payload[2:5], "big") for tag in media_of(tags, "video")]
    assert [frame.pts - frame.dts for frame in of_kind(sections, "video")] == delays


@pytest.mark.parametrize("start", [0, 86_400_000, (1 << 31) - 2000, (1 << 32) - 2000])
def test_an_encoders_clock_may_begin_anywhere_and_overflow(start: int) -> None:
    tags = encode()
    sections = repaired(moved(tags, start))
    [(section, _)] = sections
    assert section.start == 0
    assert [frame[:5] for frame in of_kind(sections, "video")] == [
        frame[:5] for frame in of_kind(sections_of(tags), "video")
    ]


def test_frames_come_out_soon_after_they_went_in() -> None:
    repair, lags, newest = Repair(), [], 0
    for tag in encode():
        for item in repair.feed(tag):
            if isinstance(item, Frame):
                newest = max(newest, item.dts)
        lags.append(tag.timestamp - newest)
    assert max(lags) < 200


def test_a_timeline_begins_where_the_reader_says() -> None:
    sections = repaired(encode(), Repair(first_section=7, start=90_000))
    [(section, frames)] = sections
    assert (section.number, section.start, min(frame.dts for frame in frames)) == (7, 90_000, 90_000)


# Other formats in the middle


def test_a_turned_phone_begins_another_section() -> None:
    first, second = encode(), encode(size="90x160")
    sections = repaired([*first, *moved(second, 4000)])
    assert [(section.number, section.video.width) for section, _ in sections] == [(0, 160), (1, 90)]
    assert len(of_kind(sections, "video", is_filler=False)) == 200
    assert sections[1][0].start == pytest.approx(4000, abs=80)
    assert length(sections) == pytest.approx(8000, abs=100)


def test_parameter_sets_inside_of_a_keyframe_begin_another_section() -> None:
    first = encode(audio=())
    second = encode(size="90x160", audio=())
    [header] = [tag for tag in second if tag.kind == "video" and tag.payload[1] == 0 and len(tag.payload) > 5]
    record = header.payload[5:]
    parsed = parse_record(record)
    assert parsed is not None
    inside = b"".join(len(unit).to_bytes(4, "big") + unit for unit in (*parsed.sps, *parsed.pps))
    turned = []
    for tag in moved(media_of(second, "video"), 4000):
        payload = tag.payload
        if payload[0] >> 4 == 1:
            payload = payload[:5] + inside + payload[5:]
        turned.append(tag._replace(payload=payload))
    sections = repaired([*first, *turned])
    assert [section.video.width for section, _ in sections] == [160, 90]
    assert sections[1][0].video.record == record


def test_the_same_configuration_again_changes_nothing() -> None:
    tags = encode()
    headers = [tag for tag in tags if tag.kind != "script" and tag.payload[1] == 0]
    again = [
        tag for index, tag in enumerate(tags) for tag in ((*headers, tag) if index % 20 == 19 else (tag,))
    ]
    assert [frame[:5] for frame in repaired(again)[0][1]] == [frame[:5] for frame in repaired(tags)[0][1]]


def test_pictures_after_a_new_configuration_wait_for_its_keyframe() -> None:
    first, second = encode(), encode(size="90x160")
    later = [tag for tag in moved(second, 4000) if not (tag.kind == "video" and 4000 <= tag.timestamp < 4090)]
    headers = [tag for tag in second if tag.kind == "video" and tag.payload[1] == 0][:1]
    repair = Repair()
    sections = repaired([*first, *headers, *later], repair)
    assert [section.video.width for section, _ in sections] == [160, 90]
    assert repair.problems["frames_without_keyframe"] > 10
    assert sections[1][0].start == pytest.approx(5000, abs=100)


@pytest.mark.parametrize(("rate", "channels"), [(22050, 1), (44100, 2), (48000, 1)])
def test_sound_of_another_format_begins_with_a_keyframe(rate: int, channels: int) -> None:
    first = encode()
    second = encode(sound_rate=rate, audio=(*AUDIO, "-ac", str(channels)))
    tags = merged(only(first, "video"), only(first, "audio", 0, 2200), only(second, "audio", 2200))
    changed = [tag for tag in second if tag.kind == "audio" and tag.payload[1] == 0]
    at = next(index for index, tag in enumerate(tags) if tag.kind == "audio" and tag.timestamp >= 2200)
    tags = [tag for tag in tags[:at] if tag not in changed] + changed + tags[at:]
    sections = repaired(tags)
    assert [(section.audio.sample_rate, section.audio.channels) for section, _ in sections] == [
        (44100, 1),
        (rate, channels),
    ]
    assert sections[1][0].start == pytest.approx(3000, abs=100)
    silence = of_kind(sections, "audio", is_filler=True)
    assert 2150 < silence[0].dts < 2300
    assert silence[-1].dts < sections[1][0].start
    assert len(of_kind(sections, "video", is_filler=False)) == 100


# One track is missing


def test_sound_alone_gets_a_black_picture() -> None:
    sections = repaired(encode(video=()))
    assert shapes(sections) == [(False, True)]
    assert (sections[0][0].video.width, sections[0][0].video.height) == (640, 360)
    pictures = of_kind(sections, "video")
    assert [picture.dts for picture in pictures] == [0, 1000, 2000, 3000, 4000]
    assert all(picture.is_filler and picture.is_key for picture in pictures)
    assert not of_kind(sections, "audio", is_filler=True)


def test_pictures_alone_get_silence() -> None:
    sections = repaired(encode(audio=()))
    assert shapes(sections) == [(True, False)]
    assert sections[0][0].audio.codec_string == "mp4a.40.2"
    assert len(of_kind(sections, "video", is_filler=False)) == 100
    silence = of_kind(sections, "audio")
    assert len(silence) == pytest.approx(4 * 44100 / 1024, abs=4)
    assert silence[-1].dts == pytest.approx((len(silence) - 1) * 1024 / 44.1, abs=1)


def test_a_late_picture_takes_the_place_of_black() -> None:
    tags = encode()
    sections = repaired(merged(only(tags, "audio"), only(tags, "video", 1900)))
    assert shapes(sections) == [(False, True), (True, True)]
    assert sections[1][0].start == pytest.approx(2000, abs=80)
    assert not of_kind(sections, "audio", is_filler=True)
    assert len(of_kind(sections, "audio")) == len(media_of(tags, "audio"))
    assert length(sections) == pytest.approx(4000, abs=80)


def test_a_picture_that_is_little_late_stands_from_the_beginning_on() -> None:
    tags = encode()
    sections = repaired(merged(only(tags, "audio"), only(tags, "video", 950)))
    assert shapes(sections) == [(True, True)]
    pictures = of_kind(sections, "video")
    assert [(pictures[0].dts, pictures[0].is_filler), pictures[1].is_filler] == [(0, True), False]
    assert pictures[1].dts == pytest.approx(1000, abs=80)


def test_late_sound_begins_with_a_keyframe() -> None:
    tags = encode()
    sound = [tag for tag in only(tags, "audio", 2400) if tag.payload[1] or tag.timestamp]
    header = [tag._replace(timestamp=2400) for tag in tags if tag.kind == "audio" and tag.payload[1] == 0]
    sections = repaired(merged(only(tags, "video"), header, [tag for tag in sound if tag.payload[1]]))
    assert shapes(sections) == [(True, False), (True, True)]
    assert sections[1][0].start == pytest.approx(3000, abs=80)
    assert len(of_kind(sections, "video", is_filler=False)) == 100
    assert of_kind(sections, "audio", is_filler=False)[0].dts >= sections[1][0].start


def test_announced_sound_that_comes_late_needs_no_other_section() -> None:
    tags = encode(video=FEW_KEYFRAMES)
    sections = repaired(merged(only(tags, "video"), only(tags, "audio", 2400)))
    assert shapes(sections) == [(True, True)]
    assert of_kind(sections, "audio", is_filler=False)[0].dts == pytest.approx(2400, abs=80)
    assert of_kind(sections, "audio", is_filler=True)[-1].dts == pytest.approx(2380, abs=80)


def test_sound_that_never_meets_a_keyframe_begins_after_ten_seconds_all_the_same() -> None:
    tags = encode(video=(*VIDEO, "-g", "1000"), seconds=14)
    header = [tag._replace(timestamp=2000) for tag in tags if tag.kind == "audio" and tag.payload[1] == 0]
    sound = [tag for tag in only(tags, "audio", 2000) if tag.payload[1]]
    sections = repaired(merged(only(tags, "video"), header, sound))
    assert shapes(sections) == [(True, False), (True, True)]
    assert sections[1][0].start == pytest.approx(12_050, abs=100)
    assert of_kind(sections[1:], "audio", is_filler=False)
    assert all(picture.is_filler for picture in of_kind(sections[1:], "video"))


def test_silence_stands_in_for_sound_that_stops() -> None:
    tags = encode()
    sections = repaired(merged(only(tags, "video"), only(tags, "audio", 0, 1000), only(tags, "audio", 3000)))
    assert shapes(sections) == [(True, True)]
    silence = of_kind(sections, "audio", is_filler=True)
    assert silence[0].dts == pytest.approx(1020, abs=40)
    assert silence[-1].dts == pytest.approx(2990, abs=60)
    assert len(of_kind(sections, "video", is_filler=False)) == 100


def test_the_last_keyframe_stands_in_for_a_picture_that_stops() -> None:
    tags = encode(seconds=8)
    sections = repaired(merged(only(tags, "audio"), only(tags, "video", 0, 1500), only(tags, "video", 5500)))
    assert shapes(sections) == [(True, True)]
    standing = of_kind(sections, "video", is_filler=True)
    assert [round(picture.dts, -2) for picture in standing] == [2500, 3500, 4500, 5500]
    again = [picture for picture in of_kind(sections, "video", is_filler=False) if picture.dts > 1600]
    assert again[0].is_key
    assert again[0].dts == pytest.approx(6000, abs=80)
    assert not of_kind(sections, "audio", is_filler=True)


def test_a_picture_that_never_comes_back_stands_to_the_end() -> None:
    tags = encode(seconds=8)
    sections = repaired(merged(only(tags, "audio"), only(tags, "video", 0, 1500)))
    assert shapes(sections) == [(True, True)]
    assert of_kind(sections, "video")[-1].dts > 7000
    assert length(sections) == pytest.approx(8000, abs=80)


def test_a_format_that_changes_while_there_is_no_picture_begins_at_once() -> None:
    first, second = encode(video=()), encode(video=(), sound_rate=48000)
    sections = repaired([*first, *moved(second, 4000)])
    assert [section.audio.sample_rate for section, _ in sections] == [44100, 48000]
    assert sections[1][0].start == pytest.approx(4040, abs=60)
    assert not of_kind(sections, "audio", is_filler=True)


@pytest.mark.parametrize("lag", [300, 700, 1200])
@pytest.mark.parametrize("late", ["audio", "video"])
def test_a_track_that_is_always_sent_later_loses_little(late: str, lag: int) -> None:
    tags = encode(seconds=8)
    order = sorted(tags, key=lambda tag: tag.timestamp + (lag if tag.kind == late and tag.payload[1] else 0))
    sections = repaired(order)
    for kind in ("audio", "video"):
        sent = len(media_of(tags, kind))
        assert len(of_kind(sections, kind, is_filler=False)) >= sent * (1 if lag == 300 else 0.6)
    assert length(sections) == pytest.approx(8000, abs=100)


# The clock


@pytest.mark.parametrize("jump", [-8000, 30_000, 25_000, 86_400_000, 1 << 31])
def test_the_timeline_goes_on_when_the_clock_jumps(jump: int) -> None:
    tags = encode(seconds=8)
    at = next(index for index, tag in enumerate(tags) if tag.timestamp >= 4200)
    repair = Repair()
    sections = repaired([*tags[:at], *moved(tags[at:], jump)], repair)
    assert shapes(sections) == [(True, True)] * 2
    assert repair.problems == {"clock_jumped": 1}
    assert len(of_kind(sections, "video", is_filler=False)) == 200
    assert len(of_kind(sections, "audio", is_filler=False)) == len(media_of(tags, "audio"))
    assert not of_kind(sections, "audio", is_filler=True)
    assert sections[1][0].start == pytest.approx(5000, abs=100)  # the next keyframe
    assert length(sections) == pytest.approx(8000, abs=100)


def test_only_one_tracks_clock_may_jump() -> None:
    tags = encode(seconds=8)
    changed = [tag._replace(timestamp=tag.timestamp + 30_000) if tag.kind == "audio" and tag.timestamp > 4200
               else tag for tag in tags]  # fmt: skip
    repair = Repair()
    sections = repaired(changed, repair)
    assert repair.problems["clock_jumped"] == 1
    assert len(of_kind(sections, "video", is_filler=False)) == 200
    assert length(sections) == pytest.approx(8000, abs=100)


def test_tracks_may_have_clocks_of_their_own() -> None:
    tags = [
        tag._replace(timestamp=tag.timestamp + (86_400_000 if tag.kind == "audio" else 0)) for tag in encode()
    ]
    sections = repaired(tags)
    assert len(of_kind(sections, "video", is_filler=False)) == 100
    assert length(sections) == pytest.approx(4000, abs=120)


def test_a_small_step_back_keeps_the_order() -> None:
    tags = encode()
    at = next(index for index, tag in enumerate(tags) if tag.timestamp >= 2200)
    repair = Repair()
    sections = repaired([*tags[:at], *moved(tags[at:], -600)], repair)
    assert shapes(sections) == [(True, True)]
    assert repair.problems["clock_jumped"] == 0
    assert len(of_kind(sections, "video")) == 100
    assert length(sections) == pytest.approx(4000, abs=80)


@pytest.mark.parametrize(("sound", "picture"), [(AUDIO, FEW_KEYFRAMES), (AUDIO, ()), ((), FEW_KEYFRAMES)])
def test_time_goes_on_when_the_media_server_records_none(
    sound: tuple[str, ...], picture: tuple[str, ...]
) -> None:
    tags = encode(seconds=8, audio=sound, video=picture)
    # The encoder's clock goes back behind the beginning at 3 s, and is past it again at 6 s.
    stopped = [
        tag._replace(timestamp=tag.timestamp if tag.timestamp < 3000 else max(0, tag.timestamp - 6000))
        for tag in tags
    ]
    sections = repaired(stopped)
    original = sections_of(tags)
    assert length(sections) == pytest.approx(8000, abs=120)
    for kind in ("video", "audio"):
        frames = of_kind(sections, kind, is_filler=False)
        assert len(frames) == len(of_kind(original, kind, is_filler=False))
        for frame, expected in zip(frames, of_kind(original, kind, is_filler=False), strict=True):
            assert frame.dts == pytest.approx(expected.dts, abs=130)


def test_a_clock_that_jumps_all_the_time_makes_few_sections() -> None:
    tags = encode(video=(*VIDEO, "-g", "1"))
    wild = [tag._replace(timestamp=index * 7_000_000 % (1 << 32)) for index, tag in enumerate(tags)]
    sections = sections_of(wild)
    assert_flawless(sections, decode=False)
    assert len(sections) <= 20


# Going on after a kill


@pytest.mark.parametrize("video", [(*VIDEO, "-g", "25"), (*VIDEO, "-g", "25", "-x264-params", "bframes=2")])
def test_a_reader_that_was_killed_goes_on_at_any_keyframe(video: tuple[str, ...]) -> None:
    tags = encode(video=video)
    offsets = {tag.offset: index for index, tag in enumerate(tags)}
    headers = [tag for tag in tags if tag.kind != "script" and tag.payload[1] == 0]
    frames = sections_of(tags)[0][1]
    keyframes = [frame for frame in frames if frame.kind == "video" and frame.is_key]
    assert len(keyframes) >= 4
    for keyframe in keyframes:
        repair = Repair(first_section=3, start=keyframe.dts, from_keyframe=True)
        sections = repaired([*headers, *tags[offsets[keyframe.offset] :]], repair)
        expected = [frame[:5] for frame in frames if frame.dts >= keyframe.dts]
        assert [frame[:5] for frame in sections[0][1]] == expected
        assert sections[0][0].number == 3
        assert not repair.problems


def test_nothing_but_headers_is_no_section() -> None:
    headers = [tag for tag in encode() if tag.kind == "script" or tag.payload[1] == 0]
    assert sections_of(headers) == []
    assert sections_of([]) == []


@pytest.mark.parametrize("sound_only_seconds", [0.4, 1.0, 3.5])
def test_a_picture_that_stops_before_the_end_stands_until_the_end_of_the_sound(
    sound_only_seconds: float,
) -> None:
    tags = encode(seconds=6)
    until = 6000 - sound_only_seconds * 1000
    kept = [tag for tag in tags if tag.kind != "video" or tag.timestamp < until]
    [(_, frames)] = sections_of(kept)
    ends = {kind: max(frame.dts for frame in frames if frame.kind == kind) for kind in ("video", "audio")}
    assert ends["audio"] == pytest.approx(5980, abs=60)
    assert ends["audio"] - ends["video"] < 600
