"""What encoders really send, and what becomes of it: the table of docs/going-live.md, as cases of tests."""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from livestream.media.flv.repair import Section
from livestream.media.flv.tags import Tag
from livestream.media.health import HealthWarning
from livestream.tests.flv_files import AUDIO, VIDEO, encode, moved
from livestream.tests.rtmp import Message, RtmpPublisher, paced

SECONDS = 8
FRAME_RATE = 24


class Shows(StrEnum):
    """What viewers see and hear in a section."""

    ALL = "picture and sound"
    PICTURE = "picture, silence"
    SOUND = "black, sound"
    NOTHING = "nothing"


class Ends(StrEnum):
    """How a connection ends."""

    STOPPED = "the encoder is stopped"
    KILLED = "the encoder is killed"
    SILENT = "it stays connected, and sends nothing"
    GONE = "the network is gone, without a last packet"


@dataclass(frozen=True)
class Connection:
    """What one connection of an encoder sends, and how it ends."""

    messages: list[Message]
    ends: Ends = Ends.STOPPED
    pause: float = 0  # seconds afterwards, until the next connection


@dataclass(frozen=True)
class Encoder:
    """A row of the table. `connections` is called when the case is needed, because it may run ffmpeg."""

    key: str
    name: str
    connections: Callable[[], list[Connection]]
    viewers: str
    replay: str
    warnings: frozenset[HealthWarning] = frozenset()
    sections: tuple[Shows, ...] = (Shows.ALL,)
    seconds: float = SECONDS  # of the replay; 0 if there is none
    ends_stream: bool = False  # nobody else has to
    is_watchable: bool = True  # in every player, at least half of it


def video(*options: str, keyframe_seconds: float = 1, rate: int = FRAME_RATE) -> tuple[str, ...]:
    """Return options of an H.264 encoder, with a keyframe as often as phones and OBS are told to send one."""
    return (*VIDEO, "-g", str(round(keyframe_seconds * rate)), "-sc_threshold", "0", *options)


def sending(tags: Callable[[], Iterable[Tag]]) -> Callable[[], list[Connection]]:
    """Return what sends these tags at the times of their timestamps in one connection."""
    return lambda: [Connection(paced(tags()))]


def plain(seconds: float = SECONDS, **options: Any) -> tuple[Tag, ...]:
    return encode(**{"seconds": seconds, "rate": str(FRAME_RATE), "video": video(), **options})


def encoded(**options: Any) -> Callable[[], list[Connection]]:
    return sending(lambda: plain(**options))


def with_sound(rate: int, channels: int, *codec: str) -> Callable[[], list[Connection]]:
    return encoded(sound_rate=rate, audio=(*(codec or AUDIO), "-ac", str(channels), "-ar", str(rate)))


# What one track does


def track(kind: str, since: float = 0, until: float = 1e6) -> list[Tag]:
    """Return one track in a time; its configuration is sent when it begins."""
    tags = [tag for tag in plain() if tag.kind == kind]
    media = [tag for tag in tags if tag.payload[1] == 1 and since <= tag.timestamp / 1000 < until]
    headers = [tag._replace(timestamp=media[0].timestamp) for tag in tags if tag.payload[1] == 0]
    return headers + media


def together(*tracks: Iterable[Tag]) -> list[Tag]:
    return sorted((tag for each in tracks for tag in each), key=lambda tag: tag.timestamp)


def sound_stops() -> list[Tag]:
    """Return sound that stops for a while; its configuration isn't sent again."""
    return [tag for tag in plain() if tag.kind != "audio" or not 2000 < tag.timestamp < 7400]


def picture_pauses() -> list[Tag]:
    return [tag for tag in plain() if tag.kind != "video" or not 1500 < tag.timestamp < 6900]


def turned() -> list[Tag]:
    half = SECONDS // 2
    return [*plain(half), *moved(plain(half, size="90x160"), half * 1000)]


# Codecs


def he_aac() -> list[Tag]:
    """Return sound that says it is HE-AAC: AAC-LC with half the rate, whose missing heights are silent."""
    record = bytes.fromhex("2b8a0800")
    return [
        tag._replace(payload=b"\xaf\0" + record) if tag.kind == "audio" and tag.payload[1] == 0 else tag
        for tag in plain(sound_rate=22050)
    ]


def as_codec(number: int) -> list[Tag]:
    """Return pictures under another number of FLV's codecs, as some encoders send HEVC."""
    return [
        tag._replace(payload=bytes([tag.payload[0] & 0xF0 | number]) + tag.payload[1:])
        if tag.kind == "video"
        else tag
        for tag in plain()
    ]


def as_enhanced(name: str) -> list[Tag]:
    """Return pictures as enhanced RTMP sends them, for longer than it takes to refuse them."""
    return [
        tag._replace(
            payload=bytes([0x80 | tag.payload[0] & 0x70 | tag.payload[1]]) + name.encode() + tag.payload[2:]
        )
        if tag.kind == "video"
        else tag
        for tag in plain(2 * SECONDS)
    ]


# Clocks and connections


def from_time(milliseconds: int) -> Callable[[], list[Connection]]:
    return lambda: [Connection([Message(m.at, moved([m.tag], milliseconds)[0]) for m in paced(plain())])]


def jumping(milliseconds: int, *, start: int = 0) -> Callable[[], list[Connection]]:
    """Return a clock that jumps in the middle, while the sending goes on."""

    def send() -> list[Connection]:
        middle = SECONDS * 500
        return [
            Connection(
                [
                    Message(
                        m.at, moved([m.tag], start + (milliseconds if m.tag.timestamp >= middle else 0))[0]
                    )
                    for m in paced(plain())
                ]
            )
        ]

    return send


def stalling(seconds: int) -> Callable[[], list[Connection]]:
    """Return a connection over which nothing is sent for a while; the encoder drops what it couldn't send."""

    def send() -> list[Connection]:
        middle = SECONDS / 2
        return [
            Connection(
                [
                    Message(m.at + seconds, moved([m.tag], seconds * 1000)[0]) if m.at >= middle else m
                    for m in paced(plain())
                ]
            )
        ]

    return send


def reconnecting(
    times: int, ends: Ends, *, pause: float, seconds: float = 2
) -> Callable[[], list[Connection]]:
    return lambda: [Connection(paced(plain(seconds)), ends, pause) for _ in range(times + 1)]


def as_recorded(tags: Iterable[Tag]) -> list[Tag]:
    """Return what the media server records: times since the first message, and pictures from a keyframe on.

    It knows keyframes only as FLV marks them, so nothing of enhanced RTMP's pictures is recorded.
    """
    recorded: list[Tag] = []
    first: int | None = None
    has_keyframe = False
    for tag in tags:
        if tag.kind == "script" or len(tag.payload) < 2:
            continue
        is_picture = tag.kind == "video" and (tag.payload[0] >= 0x80 or tag.payload[1] != 0)
        has_keyframe = has_keyframe or (is_picture and tag.payload[0] >> 4 == 1)
        if is_picture and not has_keyframe:
            continue
        first = tag.timestamp if first is None else first
        since = (tag.timestamp - first + (1 << 31)) % (1 << 32) - (1 << 31)
        recorded.append(tag._replace(timestamp=max(0, since)))
    return recorded


def publish(connections: Iterable[Connection], url: str, key: str) -> None:
    """Be the encoder: make each connection, and end it as it says."""
    lost: list[RtmpPublisher] = []
    for connection in connections:
        publisher = RtmpPublisher(url, key)
        lost.append(publisher)
        with suppress(OSError):  # an encoder that is refused is disconnected while it sends
            publisher.send_at_times(connection.messages)
            if connection.ends == Ends.STOPPED:
                publisher.close()
            elif connection.ends == Ends.KILLED:
                publisher.abort()
            elif connection.ends == Ends.SILENT:
                publisher.wait(connection.pause)
        if connection.ends != Ends.SILENT:
            time.sleep(connection.pause)
    for publisher in lost:
        publisher.abort()


def told(*warnings: HealthWarning) -> frozenset[HealthWarning]:
    return frozenset(warnings)


COMPLETE = "complete"
LIVE = "video and sound"
GOES_ON = "goes on without the jump"
CASES: tuple[Encoder, ...] = (
    Encoder(
        "obs-defaults",
        "OBS with its defaults: keyframes “auto” (every 8.3 s), B-frames",
        encoded(
            video=video("-x264-params", "bframes=2", keyframe_seconds=8.3, rate=30), rate="30", seconds=25
        ),
        "video and sound, up to 20 s late",
        COMPLETE,
        told(HealthWarning.KEYFRAMES_TOO_FAR),
        seconds=25,
    ),
    Encoder("gop-1", "keyframes every 1 s", encoded(), LIVE, COMPLETE),
    Encoder("gop-2", "keyframes every 2 s", encoded(video=video(keyframe_seconds=2)), LIVE, COMPLETE),
    Encoder(
        "gop-4",
        "keyframes every 4 s",
        encoded(seconds=16, video=video(keyframe_seconds=4)),
        "video and sound, up to 10 s late",
        COMPLETE,
        told(HealthWarning.KEYFRAMES_TOO_FAR),
        seconds=16,
    ),
    Encoder(
        "one-keyframe",
        "no keyframe after the first",
        encoded(seconds=25, video=video(keyframe_seconds=1000)),
        "hls.js and dash.js show it more than 10 s late; Shaka, and who joins later, have no picture",
        COMPLETE,
        told(HealthWarning.KEYFRAMES_TOO_FAR),
        seconds=25,
        is_watchable=False,
    ),
    Encoder("portrait", "portrait", encoded(size="90x160"), "upright video and sound", COMPLETE),
    Encoder("60-fps", "60 frames a second", encoded(rate="60", video=video(rate=60)), LIVE, COMPLETE),
    Encoder(
        "variable-rate",
        "a variable frame rate",
        encoded(video=video("-vf", "select='lt(mod(n,7),3)'", "-vsync", "vfr")),
        LIVE,
        COMPLETE,
    ),
    Encoder("odd-size", "an odd picture size", encoded(size="162x94"), LIVE, COMPLETE),
    Encoder(
        "20-mbit",
        "20 Mbit/s",
        encoded(
            size="640x360",
            video=video("-b:v", "20M", "-minrate", "20M", "-bufsize", "20M", "-x264-params", "nal-hrd=cbr"),
            seconds=4,
        ),
        "video and sound; smaller renditions on slow connections",
        COMPLETE,
        seconds=4,
    ),
    Encoder(
        "turned",
        "a phone is turned: another picture size",
        sending(turned),
        "the picture turns with it",
        "complete, in the first picture's size",
        sections=(Shows.ALL, Shows.ALL),
    ),
    Encoder(
        "late-sound",
        "sound begins late",
        sending(lambda: together(track("video"), track("audio", 5.4))),
        "silence until the keyframe after the sound's beginning",
        "complete, silence at the start",
        told(HealthWarning.NO_SOUND),
        (Shows.PICTURE, Shows.ALL),
    ),
    Encoder(
        "late-picture",
        "the picture begins late",
        sending(lambda: together(track("audio"), track("video", 5.9))),
        "a black picture until then",
        "complete, black at the start",
        told(HealthWarning.NO_PICTURE),
        (Shows.SOUND, Shows.ALL),
    ),
    Encoder(
        "sound-only",
        "sound only",
        encoded(video=()),
        "a black picture with the sound",
        "the sound with a black picture",
        told(HealthWarning.NO_PICTURE),
        (Shows.SOUND,),
    ),
    Encoder(
        "picture-only",
        "picture only",
        encoded(audio=()),
        "the picture with silence",
        "the picture with silence",
        told(HealthWarning.NO_SOUND),
        (Shows.PICTURE,),
    ),
    Encoder(
        "sound-stops",
        "sound stops and comes back",
        sending(sound_stops),
        "silence for the time between",
        "complete, with that silence",
        told(HealthWarning.NO_SOUND),
    ),
    Encoder(
        "picture-stops",
        "the picture stops and comes back",
        sending(picture_pauses),
        "the last keyframe stands until the next one, the sound goes on",
        "complete, with that standing picture",
        told(HealthWarning.NO_PICTURE),
    ),
    Encoder("mono-22", "AAC, mono, 22.05 kHz", with_sound(22050, 1), LIVE, COMPLETE),
    Encoder("stereo-44", "AAC, stereo, 44.1 kHz", with_sound(44100, 2), LIVE, COMPLETE),
    Encoder("stereo-48", "AAC, stereo, 48 kHz", with_sound(48000, 2), LIVE, COMPLETE),
    Encoder("he-aac", "HE-AAC", sending(he_aac), LIVE, COMPLETE),
    Encoder(
        "mp3",
        "MP3",
        with_sound(44100, 2, "-c:a", "libmp3lame"),
        "video and sound, as AAC",
        "complete, sound as AAC",
    ),
    Encoder(
        "pcm",
        "PCM",
        with_sound(44100, 1, "-c:a", "pcm_s16le"),
        "video and sound, as AAC",
        "complete, sound as AAC",
    ),
    Encoder(
        "hevc",
        "HEVC under a number of its own (older encoders)",
        sending(lambda: as_codec(12)),
        "nothing; the encoder is disconnected",
        "`failed`, `unsupported_codec`",
        told(HealthWarning.UNSUPPORTED_CODEC),
        (Shows.NOTHING,),
        seconds=0,
    ),
    Encoder(
        "enhanced",
        "HEVC, AV1 or VP9 (enhanced RTMP)",
        sending(lambda: as_enhanced("hvc1")),
        "a black picture with the sound for 5 s; then the encoder is disconnected",
        "`failed`, `unsupported_codec`",
        told(HealthWarning.UNSUPPORTED_CODEC),
        (Shows.NOTHING,),
        seconds=0,
    ),
    Encoder(
        "444",
        "H.264 4:4:4, 4:2:2 or with 10 bits",
        encoded(video=video("-pix_fmt", "yuv444p")),
        "nothing; the encoder is disconnected",
        "`failed`, `unsupported_codec`",
        told(HealthWarning.UNSUPPORTED_CODEC),
        (Shows.NOTHING,),
        seconds=0,
    ),
    Encoder("clock-24h", "a clock that begins at 24 h", from_time(86_400_000), LIVE, COMPLETE),
    Encoder("clock-2-31", "a clock that passes 2³¹ ms", from_time((1 << 31) - 3000), LIVE, COMPLETE),
    Encoder(
        "clock-back",
        "a clock that goes back 8 s",
        jumping(-8000, start=20_000),
        GOES_ON,
        COMPLETE,
        told(HealthWarning.CLOCK_JUMPED),
        (Shows.ALL, Shows.ALL),
    ),
    Encoder(
        "clock-forward",
        "a clock that goes forward 30 s",
        jumping(30_000),
        GOES_ON,
        COMPLETE,
        told(HealthWarning.CLOCK_JUMPED),
        (Shows.ALL, Shows.ALL),
    ),
    Encoder(
        "stall-15",
        "nothing is sent for 15 s",
        stalling(15),
        "the last picture and silence until something comes",
        "complete, without the pause",
        told(HealthWarning.NO_MEDIA),
        (Shows.ALL, Shows.ALL),
    ),
    Encoder(
        "stall-25",
        "nothing is sent for 25 s",
        reconnecting(1, Ends.SILENT, pause=25, seconds=4),
        "the last picture and silence, cut after 20 s; it goes on when the encoder connects again",
        "complete, without the pause",
        told(HealthWarning.NO_MEDIA),
        (Shows.ALL, Shows.ALL),
    ),
    Encoder(
        "stall-70",
        "nothing is sent for 70 s",
        lambda: [Connection(paced(plain(4)), Ends.SILENT, pause=25)],
        "the last picture and silence; the stream ends 60 s after the connection was cut (`publisher_gone`)",
        "what came before",
        told(HealthWarning.NO_MEDIA),
        seconds=4,
        ends_stream=True,
    ),
    Encoder(
        "nothing",
        "nothing at all, once connected",
        lambda: [Connection([], Ends.SILENT, pause=25)],
        "nothing; the connection is cut after 20 s",
        "`empty`",
        told(HealthWarning.NO_MEDIA),
        (),
        seconds=0,
    ),
    Encoder(
        "killed",
        "an encoder that crashes, and is back after 8 s",
        reconnecting(1, Ends.KILLED, pause=8, seconds=4),
        "the last picture and silence; it goes on within 4 s",
        "complete, without the pause",
        sections=(Shows.ALL, Shows.ALL),
    ),
    Encoder(
        "no-fin",
        "a network that disappears, and another one after 5 s",
        reconnecting(1, Ends.GONE, pause=5, seconds=4),
        "the last picture and silence; it goes on within 4 s: the new connection replaces the old one",
        "complete, without the pause",
        told(HealthWarning.NO_MEDIA),
        (Shows.ALL, Shows.ALL),
    ),
    Encoder(
        "reconnects",
        "five reconnects",
        reconnecting(5, Ends.KILLED, pause=0.5, seconds=1),
        "the last picture and silence each time",
        "complete, without the pauses",
        sections=(Shows.ALL,) * 6,
        seconds=6,
    ),
)


def shows(section: Section) -> Shows:
    if section.video.unsupported:
        return Shows.NOTHING
    if section.has_picture:
        return Shows.ALL if section.has_sound else Shows.PICTURE
    return Shows.SOUND


def as_table(cases: Iterable[Encoder] = CASES) -> str:
    """Return the rows as they stand in docs/going-live.md."""
    lines = ["| the encoder sends | viewers get | `warnings` | replay |", "|---|---|---|---|"]
    for case in cases:
        warnings = ", ".join(f"`{warning}`" for warning in sorted(case.warnings)) or "none"
        lines.append(f"| {case.name} | {case.viewers} | {warnings} | {case.replay} |")
    return "\n".join(lines) + "\n"
