"""Fragments, playlists and manifests, without processes."""

import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from livestream.media.packaging import playlists
from livestream.media.packaging.broadcast import (
    SOUND,
    SOURCE,
    Broadcast,
    PackagedSection,
    Segment,
    Track,
    init_name,
)
from livestream.media.packaging.fragments import BadFragments, FragmentReader, Init, Sample, join
from livestream.media.packaging.manifest import manifest
from livestream.tests.dash_validator import DashValidator, InvalidManifest
from livestream.tests.hls_validator import HlsValidator, InvalidPlaylist

STARTED_AT = 1_800_000_000.25
PICTURE = Track("avc1.64001f", 90_000, width=1280, height=720, frame_rate=30.0)
SMALL = Track("avc1.42c01e", 90_000, width=640, height=360, frame_rate=30.0)
AAC = Track("mp4a.40.2", 44_100, sample_rate=44_100, channels=2)


class Site:
    """A broadcast and the files that viewers could fetch, as the packager would write them."""

    def __init__(self, *, smaller: tuple[str, ...] = (), target: int = 2, window: float = 8) -> None:
        self.broadcast = Broadcast(target, smaller)
        self.window = window
        self.files: dict[str, bytes] = {}
        self.number = 0
        self.section = -1
        self.time = 0.0
        self.clock = STARTED_AT

    def begin_section(self, gap: float = 0.0, *, without_smaller: bool = False) -> None:
        self.section += 1
        self.clock += gap
        tracks = {SOURCE: PICTURE, SOUND: AAC}
        if not without_smaller:
            tracks |= dict.fromkeys(self.broadcast.smaller, SMALL)
        self.broadcast.sections[self.section] = PackagedSection(self.section, self.clock, self.time, tracks)
        for rendition in tracks:
            self.files[init_name(rendition, self.section)] = f"{rendition} {self.section}".encode()

    def add(self, count: int = 1, seconds: float = 1.0) -> None:
        for _ in range(count):
            tracks = self.broadcast.sections[self.section].tracks
            for rendition in self.broadcast.renditions:
                own = rendition if rendition in tracks else SOURCE
                scale = tracks[own].timescale
                start, end = round(self.time * scale), round((self.time + seconds) * scale)
                segment = Segment(own, self.section, self.number, start, end - start, 1000)
                self.broadcast.add(segment, rendition="" if own == rendition else rendition)
                self.files[segment.name] = segment.name.encode().ljust(1000)
            self.number += 1
            self.time += seconds
            self.clock += seconds
        self.write()

    def write(self) -> None:
        self.files["index.m3u8"] = playlists.master(self.broadcast).encode()
        for rendition in self.broadcast.renditions:
            window = self.broadcast.window(rendition, self.window)
            self.files[f"{rendition}.m3u8"] = playlists.media(self.broadcast, window).encode()
        self.files["manifest.mpd"] = manifest(
            self.broadcast, window=self.window, now=self.clock, clock_url="http://localhost/healthz"
        ).encode()

    def hls(self) -> HlsValidator:
        return HlsValidator(self.fetch, "http://host/live/index.m3u8", longest_hole=9)

    def dash(self) -> DashValidator:
        return DashValidator(self.fetch, "http://host/live/manifest.mpd", longest_hole=9)

    def fetch(self, url: str) -> bytes | None:
        return self.files.get(url.removeprefix("http://host/live/"))


def test_a_broadcast_with_reconnects_is_valid_at_each_moment() -> None:
    site = Site(smaller=("480p", "360p"))
    hls, dash = site.hls(), site.dash()
    for gap in (0.0, 8.0, 0.5):
        site.begin_section(gap)
        for _ in range(12):
            site.add()
            hls.check()
            dash.check()
    site.broadcast.is_ended = True
    site.write()
    playlists_by_url = hls.check()
    assert {playlist.is_ended for playlist in playlists_by_url.values()} == {True}
    dash.check()
    assert dash.is_static
    hls.check()


def test_the_discontinuity_sequence_grows_as_sections_leave_the_window() -> None:
    site = Site(window=4)
    for _ in range(3):
        site.begin_section()
        site.add(3)
    lines = site.files["video.m3u8"].decode().splitlines()
    assert "#EXT-X-MEDIA-SEQUENCE:5" in lines
    assert "#EXT-X-DISCONTINUITY-SEQUENCE:1" in lines
    assert lines.count("#EXT-X-DISCONTINUITY") == 1
    site.add(1)
    lines = site.files["video.m3u8"].decode().splitlines()
    assert "#EXT-X-DISCONTINUITY-SEQUENCE:2" in lines
    assert lines.count("#EXT-X-DISCONTINUITY") == 0
    assert lines.count('#EXT-X-MAP:URI="video-2-init.mp4"') == 1


def test_a_rendition_that_was_given_up_goes_on_with_the_source() -> None:
    site = Site(smaller=("360p",))
    hls, dash = site.hls(), site.dash()
    site.begin_section()
    site.add(3)
    site.begin_section(without_smaller=True)
    site.add(2)
    hls.check()
    periods = dash.check()
    listed = site.files["360p.m3u8"].decode().splitlines()
    assert listed[-1] == "video-1-4.m4s"
    assert '#EXT-X-MAP:URI="video-1-init.mp4"' in listed
    assert set(periods["1"].pieces) == {SOURCE, SOUND}
    assert set(periods["0"].pieces) == {SOURCE, "360p", SOUND}


def test_the_master_names_codecs_rates_and_sizes_of_all_renditions() -> None:
    site = Site(smaller=("360p",))
    site.begin_section()
    site.add(2)
    assert site.files["index.m3u8"].decode() == (
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n"
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Sound",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",'
        'URI="audio.m3u8"\n'
        '#EXT-X-STREAM-INF:BANDWIDTH=16000,AVERAGE-BANDWIDTH=16000,CODECS="avc1.42c01e,mp4a.40.2",'
        'RESOLUTION=640x360,FRAME-RATE=30.000,AUDIO="audio"\n360p.m3u8\n'
        '#EXT-X-STREAM-INF:BANDWIDTH=16000,AVERAGE-BANDWIDTH=16000,CODECS="avc1.64001f,mp4a.40.2",'
        'RESOLUTION=1280x720,FRAME-RATE=30.000,AUDIO="audio"\nvideo.m3u8\n'
        '#EXT-X-STREAM-INF:BANDWIDTH=8000,AVERAGE-BANDWIDTH=8000,CODECS="mp4a.40.2",AUDIO="audio"\n'
        "audio.m3u8\n"
    )


def test_a_media_playlist_says_when_each_segment_was_sent() -> None:
    site = Site()
    site.begin_section()
    site.add(2)
    assert site.files["video.m3u8"].decode() == (
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-TARGETDURATION:2\n"
        "#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-DISCONTINUITY-SEQUENCE:0\n"
        '#EXT-X-MAP:URI="video-0-init.mp4"\n'
        "#EXT-X-PROGRAM-DATE-TIME:2027-01-15T08:00:00.250Z\n#EXTINF:1.00000,\nvideo-0-0.m4s\n"
        "#EXT-X-PROGRAM-DATE-TIME:2027-01-15T08:00:01.250Z\n#EXTINF:1.00000,\nvideo-0-1.m4s\n"
    )


def test_a_playlist_from_the_start_is_the_same_text_with_more_at_its_end() -> None:
    site = Site()
    texts = []
    text, previous = playlists.from_start_header(site.broadcast), None
    for _ in range(2):
        site.begin_section()
        for _ in range(3):
            site.add()
            newest = site.broadcast.segments[SOURCE][-1]
            text += "\n".join([*playlists.entries(site.broadcast, [newest], previous), ""])
            previous = newest
            texts.append(text)
    assert all(later.startswith(earlier) for earlier, later in pairwise(texts))
    assert texts[-1].count("#EXT-X-DISCONTINUITY\n") == 1
    assert texts[-1].count("#EXT-X-MAP") == 2


@pytest.mark.parametrize(("seconds", "target"), [(0.5, 2), (1.0, 2), (2.0, 2), (2.4, 2), (4.0, 4), (8.33, 8)])
def test_the_target_duration_follows_the_first_segment(seconds: float, target: int) -> None:
    assert playlists.target_duration(seconds) == target


def test_the_validators_notice_what_is_wrong() -> None:
    site = Site(smaller=("360p",))
    site.begin_section()
    site.add(4)
    hls, dash = site.hls(), site.dash()
    hls.check()
    dash.check()
    good = dict(site.files)

    def breaks(name: str, old: bytes, new: bytes) -> None:
        site.files = {**good, name: good[name].replace(old, new)}
        assert site.files != good
        error, validator = (InvalidManifest, dash) if name.endswith(".mpd") else (InvalidPlaylist, hls)
        with pytest.raises(error):
            validator.check()

    breaks("video.m3u8", b"TARGETDURATION:2", b"TARGETDURATION:3")
    breaks("video.m3u8", b"#EXT-X-MEDIA-SEQUENCE:0", b"#EXT-X-MEDIA-SEQUENCE:1")
    breaks("video.m3u8", b"EXT-X-DISCONTINUITY-SEQUENCE:0", b"EXT-X-DISCONTINUITY-SEQUENCE:1")
    breaks("video.m3u8", b"EXTINF:1.0", b"EXTINF:3.0")
    breaks("video.m3u8", b"video-0-3.m4s", b"video-0-4.m4s")
    breaks("360p.m3u8", b"360p-0-2.m4s", b"video-0-2.m4s")
    breaks("index.m3u8", b"RESOLUTION=640x360,", b"")
    breaks("index.m3u8", b'AUDIO="audio"', b'AUDIO="sound"')
    breaks("video-0-2.m4s", b"video", b"radio")
    breaks("manifest.mpd", b'startNumber="0"', b'startNumber="1"')
    breaks("manifest.mpd", b'start="PT0.000S"', b'start="PT1.000S"')
    breaks("manifest.mpd", b'availabilityStartTime="2027', b'availabilityStartTime="2026')
    breaks("manifest.mpd", b'd="90000" r="3"', b'd="90000"/><S t="290000" d="90000"')


def encode(tmp_path: Path, *more: str) -> bytes:
    target = tmp_path / "video.mp4"
    flags = "+frag_every_frame+empty_moov+default_base_moof+frag_discont+skip_trailer"
    subprocess.run(
        [
            *("ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=160x90:rate=25"),
            *("-t", "1", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "10", "-sc_threshold", "0", *more),
            *("-video_track_timescale", "90000", "-use_editlist", "0", "-movflags", flags, target),
        ],
        check=True,
    )
    return target.read_bytes()


@pytest.mark.parametrize("b_frames", ["0", "2"])
def test_samples_joined_to_segments_play_as_before(tmp_path: Path, b_frames: str) -> None:
    content = encode(tmp_path, "-bf", b_frames, "-x264-params", "b-adapt=0")
    reader = FragmentReader()
    found: list[Init | Sample] = []
    for start in range(0, len(content), 777):  # as pipes cut it
        found += reader.feed(content[start : start + 777])
    init, samples = found[0], [one for one in found[1:] if isinstance(one, Sample)]
    assert isinstance(init, Init)
    assert (init.timescale, init.codec_string[:5]) == (90_000, "avc1.")
    assert len(samples) == 25
    assert [index for index, sample in enumerate(samples) if sample.is_key] == [0, 10, 20]
    assert {sample.duration for sample in samples} == {3600}
    if b_frames == "2":
        assert any(sample.presentation != samples[0].presentation + sample.decode for sample in samples)

    joined = tmp_path / "joined.mp4"
    parts = [samples[:10], samples[10:20], samples[20:]]
    joined.write_bytes(init.data + b"".join(join(part, sequence=i) for i, part in enumerate(parts)))
    assert frames_of(joined) == frames_of(tmp_path / "video.mp4")
    again = FragmentReader().feed(joined.read_bytes())
    assert again[1:] == samples


def frames_of(path: Path) -> str:
    """Return the time and the checksum of each picture."""
    return subprocess.run(
        ["ffmpeg", "-v", "error", "-copyts", "-i", path, "-f", "framemd5", "-"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.mark.parametrize(
    "content",
    [
        b"\0\0\0\1moof",
        b"\xff\xff\xff\xffmdat",
        b"\0\0\0\x08moof\0\0\0\x08mdat",
        b"\0\0\0\x10moof\0\0\0\xfftraf\0\0\0\x08mdat",
        b"\0\0\0\x08ftyp\0\0\0\x08moov",
    ],
)
def test_bytes_that_are_no_fragments_are_refused(content: bytes) -> None:
    with pytest.raises(BadFragments):
        FragmentReader().feed(content)
