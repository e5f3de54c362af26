"""HLS playlists (RFC 8216) of a broadcast."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from livestream.media.packaging.broadcast import SOUND, SOURCE, Broadcast, Segment, init_name

# Version 7 is what players require for segments of fragmented MP4.
_HEADER = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
# Lengths are rounded to the nearest second before they are compared with the target duration.
_MARGIN_SECONDS = 0.4


def target_duration(seconds: float) -> int:
    """Return the target duration of a broadcast whose first segment has this length.

    It must not change afterwards, and players begin three times as long behind the newest segment, so the
    first distance of keyframes decides instead of the longest that is allowed. Later segments aren't longer:
    section.py cuts them between keyframes, because players give up when a playlist doesn't change for longer.
    Two seconds are the least, because encoders that place keyframes where the scene changes often begin with
    a shorter distance.
    """
    return max(2, math.ceil(seconds - _MARGIN_SECONDS))


def longest_segment(target: int) -> int:
    """Return how many ms of picture fit a target duration: also with the frame of sound that ends later."""
    return target * 1000 + round(_MARGIN_SECONDS * 1000)


def master(broadcast: Broadcast, *, prefix: str = "") -> str:
    """Return the master playlist; `prefix` is that of the playlists from the stream's start."""
    section = list(broadcast.sections.values())[-1]
    sound = section.tracks[SOUND]
    sound_rate = broadcast.bit_rates[SOUND]
    lines = [
        *_HEADER,
        f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Sound",DEFAULT=YES,AUTOSELECT=YES,'
        f'CHANNELS="{sound.channels}",URI="{prefix}{SOUND}.m3u8"',
    ]
    # Some players begin with the first that is listed, so that is one for phones, if there is one.
    for rendition in (*broadcast.smaller, SOURCE):
        own = rendition if rendition in section.tracks else SOURCE  # smaller ones may have been given up
        track, rate = section.tracks[own], broadcast.bit_rates[own]
        lines += [
            f"#EXT-X-STREAM-INF:BANDWIDTH={math.ceil(rate.peak + sound_rate.peak)},"
            f"AVERAGE-BANDWIDTH={math.ceil(rate.average + sound_rate.average)},"
            f'CODECS="{track.codecs},{sound.codecs}",RESOLUTION={track.width}x{track.height},'
            f'FRAME-RATE={track.frame_rate:.3f},AUDIO="audio"',
            f"{prefix}{rendition}.m3u8",
        ]
    lines += [
        f"#EXT-X-STREAM-INF:BANDWIDTH={math.ceil(sound_rate.peak)},"
        f'AVERAGE-BANDWIDTH={math.ceil(sound_rate.average)},CODECS="{sound.codecs}",AUDIO="audio"',
        f"{prefix}{SOUND}.m3u8",
    ]
    return "\n".join([*lines, ""])


def media(broadcast: Broadcast, segments: Sequence[Segment]) -> str:
    """Return the playlist with these segments, which follow each other in one rendition."""
    first = segments[0]
    lines = [
        *_HEADER,
        f"#EXT-X-TARGETDURATION:{broadcast.target_duration}",
        f"#EXT-X-MEDIA-SEQUENCE:{first.number}",
        # The number of the first segment's section: the tag that began it is no longer in the list.
        f"#EXT-X-DISCONTINUITY-SEQUENCE:{list(broadcast.sections).index(first.section)}",
    ]
    lines += entries(broadcast, segments)
    if broadcast.is_ended:
        lines.append("#EXT-X-ENDLIST")
    return "\n".join([*lines, ""])


def from_start_header(broadcast: Broadcast) -> str:
    """Return what comes before the entries in a playlist that lists the broadcast from its start."""
    return "\n".join(
        [
            *_HEADER,
            f"#EXT-X-TARGETDURATION:{broadcast.target_duration}",
            "#EXT-X-PLAYLIST-TYPE:EVENT",
            "#EXT-X-MEDIA-SEQUENCE:0",
            "#EXT-X-DISCONTINUITY-SEQUENCE:0",
            "",
        ]
    )


def entries(broadcast: Broadcast, segments: Sequence[Segment], previous: Segment | None = None) -> list[str]:
    """Return the lines that list segments after a previous one."""
    lines = []
    for segment in segments:
        if previous is not None and previous.section != segment.section:
            lines.append("#EXT-X-DISCONTINUITY")
        if previous is None or (previous.section, previous.rendition) != (segment.section, segment.rendition):
            lines.append(f'#EXT-X-MAP:URI="{init_name(segment.rendition, segment.section)}"')
        starts_at = datetime.fromtimestamp(broadcast.starts_at(segment), UTC)
        lines += [
            f"#EXT-X-PROGRAM-DATE-TIME:{starts_at.isoformat(timespec='milliseconds').replace('+00:00', 'Z')}",
            f"#EXTINF:{broadcast.seconds(segment):.5f},",
            segment.name,
        ]
        previous = segment
    return lines
