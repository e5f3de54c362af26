"""Configurations say what is coded and whether browsers play it; what can't be played is named."""

from pathlib import Path

import pytest

from livestream.media.flv.aac import parse_aac_configuration
from livestream.media.flv.codecs import AudioConfig, VideoConfig, audio_config_of, video_config_of
from livestream.media.flv.fillers import SILENT_AUDIO, silence_of
from livestream.media.flv.h264 import facts_of_sps
from livestream.media.flv.repair import Repair
from livestream.media.flv.tags import Tag
from livestream.tests.flv_files import AUDIO, VIDEO, assert_flawless, encode, media_of, sections_of

pytestmark = pytest.mark.media


def video_config(tags: tuple[Tag, ...] | list[Tag]) -> VideoConfig:
    return next(config for tag in tags if (config := video_config_of(tag)))


def audio_config(tags: tuple[Tag, ...] | list[Tag]) -> AudioConfig:
    return next(config for tag in tags if (config := audio_config_of(tag)))


def tag_of(kind: str, payload: bytes) -> Tag:
    return Tag(kind, 0, payload, 0, 0)  # type: ignore[arg-type]


def with_audio_configuration(tags: tuple[Tag, ...], record: bytes) -> list[Tag]:
    """Return tags whose sound says that it is something else."""
    return [
        tag._replace(payload=b"\xaf\0" + record) if tag.kind == "audio" and tag.payload[1] == 0 else tag
        for tag in tags
    ]


# Video


@pytest.mark.parametrize(
    ("size", "rate", "options", "codec_string"),
    [
        ("160x90", "25", ("-profile:v", "baseline"), "avc1.42c0"),
        ("160x90", "30000/1001", ("-profile:v", "main", "-preset", "medium"), "avc1.4d40"),
        ("90x160", "60", ("-profile:v", "high", "-preset", "medium"), "avc1.6400"),
        ("854x480", "24", (), "avc1.42c0"),
        ("162x94", "15", (), "avc1.42c0"),
        ("1920x1080", "30", (), "avc1.42c0"),
        ("160x92", "25", ("-x264-params", "interlaced=1", "-preset", "medium"), "avc1.6400"),
        ("160x90", "25", ("-vf", "setsar=4/3", "-color_range", "pc", "-colorspace", "bt709"), "avc1.42c0"),
    ],
)
def test_size_rate_and_profile_are_those_of_the_picture(
    size: str, rate: str, options: tuple[str, ...], codec_string: str
) -> None:
    config = video_config(encode(seconds=0.2, size=size, rate=rate, video=(*VIDEO, *options), audio=()))
    assert f"{config.width}x{config.height}" == size
    upper, _, lower = rate.partition("/")
    assert config.frame_rate == pytest.approx(int(upper) / int(lower or 1), abs=0.01)
    assert config.codec_string[:9] == codec_string
    assert (config.codec, config.unsupported) == ("h264", "")


@pytest.mark.parametrize(
    ("pixels", "reason"), [("yuv444p", "4:4:4"), ("yuv422p", "4:2:2"), ("yuv420p10le", "10 bits")]
)
def test_pictures_that_browsers_cannot_decode_are_named_and_left_out(pixels: str, reason: str) -> None:
    tags = encode(seconds=2, video=(*VIDEO, "-pix_fmt", pixels))
    assert reason in video_config(tags).unsupported
    [(section, frames)] = sections_of(tags)
    assert reason in section.video.unsupported
    assert frames == []


def test_lossless_pictures_are_left_out() -> None:
    config = video_config(encode(seconds=0.2, video=(*VIDEO, "-qp", "0"), audio=()))
    assert "High 4:4:4" in config.unsupported


@pytest.mark.parametrize(
    ("start", "frame", "codec"),
    [
        (b"\x90hvc1\x01\x02", b"\x91hvc1\0\0\0x", "hevc"),
        (b"\x90av01\x81\x04", b"\x91av01x", "av1"),
        (b"\x90vp09\x01", b"\x91vp09x", "vp9"),
        (b"\x1c\0\0\0\0\x01\x02", b"\x1c\x01\0\0\0x", "hevc"),
        (b"\x12abcdefgh", b"\x22abcdefgh", "sorenson-h263"),
        (b"\x14abcdefgh", b"\x24abcdefgh", "vp6"),
    ],
)
def test_other_video_is_named_and_has_no_frames(start: bytes, frame: bytes, codec: str) -> None:
    config = video_config_of(tag_of("video", start))
    assert config is not None
    assert (config.codec, bool(config.unsupported)) == (codec, True)
    sound = [tag for tag in encode(seconds=3) if tag.kind == "audio"]
    pictures = [tag_of("video", frame)._replace(timestamp=time) for time in range(0, 3000, 40)]
    tags = sorted([tag_of("video", start), *sound, *pictures], key=lambda tag: tag.timestamp)
    [(section, frames)] = sections_of(tags)
    assert (section.video.codec, frames) == (codec, [])


def test_pictures_can_be_watched_again_after_a_codec_that_could_not() -> None:
    good, bad = encode(), encode(seconds=2, video=(*VIDEO, "-pix_fmt", "yuv444p"))
    tags = [*good]
    for part, start in ((bad, 4000), (good, 6000)):
        tags += [tag._replace(timestamp=tag.timestamp + start) for tag in part]
    sections = sections_of(tags)
    assert [bool(section.video.unsupported) for section, _ in sections] == [False, True, False]
    assert_flawless(sections)


def test_x264s_record_cut_anywhere_is_no_configuration_and_no_error() -> None:
    payload = next(tag.payload for tag in encode() if video_config_of(tag))
    for end in range(len(payload)):
        config = video_config_of(tag_of("video", payload[:end]))
        assert config is None or config.codec == "h264"
    sps = payload[13:]
    for end in range(len(sps)):
        facts_of_sps(sps[:end])


# Sound


@pytest.mark.parametrize(("rate", "channels"), [(22050, 1), (22050, 2), (44100, 1), (44100, 2), (48000, 2)])
def test_aac_is_taken_as_it_is(rate: int, channels: int) -> None:
    tags = encode(sound_rate=rate, audio=(*AUDIO, "-ac", str(channels)))
    config = audio_config(tags)
    assert (config.codec, config.codec_string, config.needs_transcoding) == ("aac", "mp4a.40.2", False)
    assert (config.sample_rate, config.channels, config.frame_samples) == (rate, channels, 1024)
    sections = sections_of(tags)
    assert_flawless(sections)
    assert not any(frame.is_filler for frame in sections[0][1])


@pytest.mark.parametrize(
    ("record", "codec_string", "rate", "channels"),
    [
        ("1390", "mp4a.40.2", 22050, 2),
        ("1388", "mp4a.40.2", 22050, 1),
        ("138856e500", "mp4a.40.2", 22050, 1),  # says that there is no SBR
        ("138856e5a0", "mp4a.40.5", 44100, 1),  # backward compatible HE-AAC
        ("2b920800", "mp4a.40.5", 44100, 2),  # HE-AAC
        ("138856e5a54880", "mp4a.40.29", 44100, 2),  # backward compatible HE-AAC v2
        ("eb8a0800", "mp4a.40.29", 44100, 2),  # HE-AAC v2
    ],
)
def test_he_aac_is_known_by_each_way_of_saying_so(
    record: str, codec_string: str, rate: int, channels: int
) -> None:
    config = audio_config_of(tag_of("audio", b"\xaf\0" + bytes.fromhex(record)))
    assert config is not None
    assert (config.codec_string, config.sample_rate, config.channels) == (codec_string, rate, channels)
    assert config.frame_samples == (2048 if rate == 44100 else 1024)
    assert (config.needs_transcoding, config.unsupported) == (False, "")


@pytest.mark.parametrize("record", ["2b8a0800", "138856e5a0", "eb8a0800"])
def test_silence_of_he_aac_lasts_as_long_as_its_frames(record: str) -> None:
    tags = with_audio_configuration(encode(sound_rate=22050), bytes.fromhex(record))
    with_hole = [tag for tag in tags if tag.kind != "audio" or not 1000 < tag.timestamp < 3000]
    sections = sections_of(with_hole)
    assert_flawless(sections)
    silence = [frame for frame in sections[0][1] if frame.is_filler]
    assert len(silence) == pytest.approx(2000 / (2048 / 44.1), abs=2)


def test_main_profile_and_short_frames_need_transcoding() -> None:
    for record in ("0a10", "1214"):
        config = audio_config_of(tag_of("audio", b"\xaf\0" + bytes.fromhex(record)))
        assert config is not None
        assert (config.codec, config.needs_transcoding) == ("aac", True)


@pytest.mark.parametrize("record", ["", "12", "17", "ffff", "1278", "17ffffff08"])
def test_an_impossible_aac_configuration_is_none(record: str) -> None:
    assert parse_aac_configuration(bytes.fromhex(record)) is None


@pytest.mark.parametrize(
    ("codec", "encoder", "rate"),
    [
        ("mp3", "libmp3lame", 44100),
        ("mp3", "libmp3lame", 22050),
        ("pcm", "pcm_s16le", 44100),
        ("pcm", "pcm_u8", 22050),
        ("adpcm", "adpcm_swf", 44100),
        ("alaw", "pcm_alaw", 8000),
        ("mulaw", "pcm_mulaw", 8000),
        ("nellymoser", "nellymoser", 22050),
        ("speex", "libspeex", 16000),
    ],
)
def test_other_sound_needs_transcoding(codec: str, encoder: str, rate: int) -> None:
    tags = encode(audio=("-c:a", encoder, "-ar", str(rate), "-ac", "1"))
    config = audio_config(tags)
    assert (config.codec, config.needs_transcoding, config.unsupported) == (codec, True, "")
    assert (config.sample_rate, config.channels) == (rate, 1)
    sections = sections_of(tags)
    [(section, frames)] = sections
    assert section.audio == config
    assert len([frame for frame in frames if frame.kind == "audio"]) == len(
        [tag for tag in tags if tag.kind == "audio" and len(tag.payload) > 1]
    )
    assert_flawless(sections)


@pytest.mark.parametrize(
    ("encoder", "rate"),
    [
        ("libmp3lame", 44100),
        ("libmp3lame", 22050),
        ("libmp3lame", 11025),
        ("pcm_s16le", 44100),
        ("pcm_u8", 11025),
        ("pcm_alaw", 8000),
    ],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_other_sound_has_silence_of_its_own(encoder: str, rate: int, channels: int) -> None:
    tags = encode(audio=("-c:a", encoder, "-ar", str(rate), "-ac", str(channels)))
    with_hole = [tag for tag in tags if tag.kind != "audio" or not 1000 < tag.timestamp < 3000]
    sections = sections_of(with_hole)
    assert len(sections) == 1
    silence = [frame for frame in sections[0][1] if frame.is_filler]
    assert silence[-1].dts > 2800
    assert_flawless(sections)


def test_mp3_at_48_khz_is_known_by_its_frames() -> None:
    config = audio_config_of(tag_of("audio", b"\x2f\xff\xfb\x94\xc4" + bytes(100)))
    assert config is not None
    assert (config.codec, config.sample_rate, config.channels) == ("mp3", 48000, 1)


@pytest.mark.parametrize("name", ["Opus", "fLaC", "ac-3"])
def test_enhanced_sound_is_named_and_silence_stands_in_for_it(name: str) -> None:
    start, frame = b"\x90" + name.encode() + b"\x01", b"\x91" + name.encode() + b"sound"
    sound = [tag_of("audio", frame)._replace(timestamp=time) for time in range(0, 4000, 20)]
    pictures = [tag for tag in encode() if tag.kind == "video"]
    tags = sorted([tag_of("audio", start), *sound, *pictures], key=lambda tag: tag.timestamp)
    sections = sections_of(tags)
    [(section, frames)] = sections
    assert section.audio.unsupported
    assert (section.has_picture, section.has_sound, section.audio.record) == (
        True,
        False,
        SILENT_AUDIO.record,
    )
    assert all(frame.is_filler for frame in frames if frame.kind == "audio")
    assert_flawless(sections)


@pytest.mark.parametrize("record", ["1188", "1210", "1198", "11a0", "11a8", "11b0", "11b8"])
def test_a_silent_frame_of_any_channels_is_silent(record: str, tmp_path: Path) -> None:
    config = audio_config_of(tag_of("audio", b"\xaf\0" + bytes.fromhex(record)))
    assert config is not None
    silence = silence_of(config)
    assert silence is not None
    tags = with_audio_configuration(encode(video=()), config.record)
    tags = [
        tag._replace(payload=silence.payload) if tag.kind == "audio" and tag.payload[1] == 1 else tag
        for tag in tags
    ]
    sections = sections_of(tags)
    assert_flawless(sections)


def test_sound_without_a_configuration_is_left_out() -> None:
    repair = Repair()
    tags = encode()
    headerless = [tag for tag in tags if tag.kind != "audio" or tag.payload[1] == 1]
    [(section, _)] = sections_of(headerless, repair)
    assert not section.has_sound
    assert repair.problems["frames_without_configuration"] == len(media_of(tags, "audio"))


def test_a_black_picture_gets_silence_when_sound_changes_to_what_browsers_cannot_play() -> None:
    tags = list(encode(video=()))
    tags += [tag_of("audio", b"\x91Opussound")._replace(timestamp=time) for time in range(4100, 6000, 20)]
    sections = sections_of(tags)
    assert [(bool(section.audio.unsupported), section.has_sound) for section, _ in sections] == [
        (False, True),
        (True, False),
    ]
    assert_flawless(sections)
