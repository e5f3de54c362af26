"""A broadcast has one timeline with picture and sound throughout, whatever an encoder sends."""

import pytest

from livestream.tests.flv_files import VIDEO, encode, media_of, sections_of

pytestmark = pytest.mark.media


@pytest.mark.parametrize(
    "video",
    [(*VIDEO, "-g", "25"), (*VIDEO, "-g", "25", "-x264-params", "bframes=3"), (*VIDEO, "-g", "1000")],
)
def test_what_a_good_encoder_sends_stays_as_it_is(video: tuple[str, ...]) -> None:
    tags = encode(video=video)
    [(section, frames)] = sections_of(tags)
    assert (section.number, section.start, section.has_picture, section.has_sound) == (0, 0, True, True)
    assert (section.video.codec, section.video.width, section.video.height) == ("h264", 160, 90)
    assert (section.audio.codec_string, section.audio.sample_rate) == ("mp4a.40.2", 44100)
    start = min(tag.timestamp for tag in tags if tag.kind != "script")
    for kind in ("video", "audio"):
        sent = [(tag.timestamp - start, tag.payload, tag.offset) for tag in media_of(tags, kind)]
        got = [frame for frame in frames if frame.kind == kind]
        assert [(frame.dts, frame.data) for frame in got] == [(time, data) for time, data, _ in sent]
        assert not any(frame.is_filler for frame in got)
    delays = [int.from_bytes(tag.payload[2:5], "big") for tag in media_of(tags, "video")]
    assert [frame.pts - frame.dts for frame in frames if frame.kind == "video"] == delays


def test_a_second_encode_in_the_same_recording_is_another_section() -> None:
    first, second = encode(), encode(size="90x160")
    later = [tag._replace(timestamp=tag.timestamp + 4000) for tag in second]
    sections = sections_of([*first, *later])
    assert [(section.number, section.video.width) for section, _ in sections] == [(0, 160), (1, 90)]
    assert all(frames[0].is_key for _, frames in sections)
