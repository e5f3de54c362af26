"""The DASH manifest (ISO/IEC 23009-1, profile isoff-live) of a broadcast."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from itertools import groupby

from livestream.media.packaging.broadcast import SOUND, SOURCE, Broadcast, Segment, Track


def manifest(broadcast: Broadcast, *, window: float, now: float, clock_url: str) -> str:
    """Return the MPD with the newest segments, a period for each section; static once the broadcast ended.

    Players compare their clock with the Date header of `clock_url`, because a period's place on the timeline
    is its time since the broadcast's start.
    """
    # The same for all: in a period with pictures and no sound any more, dash.js stops for good.
    first = broadcast.window(SOURCE, window)[0].number
    listed = {rendition: broadcast.segments[rendition][first:] for rendition in broadcast.renditions}
    sections = sorted({segment.section for segment in listed[SOURCE]})
    periods = "".join(_period(broadcast, number, listed) for number in sections)
    longest = max(broadcast.seconds(segment) for segments in listed.values() for segment in segments)
    last = listed[SOURCE][-1]
    end = broadcast.starts_at(last) + broadcast.seconds(last) - broadcast.started_at
    if broadcast.is_ended:
        kind = f'type="static" mediaPresentationDuration="{_duration(end)}"'
        timing = ""
    else:
        kind = (
            f'type="dynamic" availabilityStartTime="{_date(broadcast.started_at)}" '
            f'publishTime="{_date(now)}" minimumUpdatePeriod="PT1S" '
            f'timeShiftBufferDepth="{_duration(window)}" '
            # Long enough for a segment to be complete, and on its way.
            f'suggestedPresentationDelay="{_duration(broadcast.target_duration)}"'
        )
        timing = f'<UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-head:2014" value="{clock_url}"/>\n'
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011" '
        f'{kind} minBufferTime="PT1S" maxSegmentDuration="{_duration(longest)}">\n{periods}{timing}</MPD>\n'
    )


def _period(broadcast: Broadcast, number: int, listed: dict[str, list[Segment]]) -> str:
    section = broadcast.sections[number]
    pictures = "".join(
        _representation(broadcast, rendition, number, listed[rendition])
        for rendition in (SOURCE, *broadcast.smaller)
    )
    sound = _representation(broadcast, SOUND, number, listed[SOUND])
    return (
        f'<Period id="{number}" start="{_duration(section.started_at - broadcast.started_at)}">\n'
        '<AdaptationSet id="0" contentType="video" mimeType="video/mp4" segmentAlignment="true" '
        f'startWithSAP="1">\n{pictures}</AdaptationSet>\n'
        '<AdaptationSet id="1" contentType="audio" mimeType="audio/mp4" segmentAlignment="true" '
        f'startWithSAP="1">\n{sound}</AdaptationSet>\n</Period>\n'
    )


def _representation(
    broadcast: Broadcast, rendition: str, section_number: int, segments: Sequence[Segment]
) -> str:
    """Return a rendition's own segments of a section; nothing if it has none."""
    own = [one for one in segments if one.section == section_number and one.rendition == rendition]
    if not own:
        return ""
    section = broadcast.sections[section_number]
    track = section.tracks[rendition]
    bandwidth = math.ceil(broadcast.bit_rates[rendition].peak)
    return (
        f'<Representation id="{rendition}" bandwidth="{bandwidth}" codecs="{track.codecs}" {_format(track)}'
        f'<SegmentTemplate timescale="{track.timescale}" '
        f'presentationTimeOffset="{round(section.start * track.timescale)}" '
        f'initialization="$RepresentationID$-{section_number}-init.mp4" '
        f'media="$RepresentationID$-{section_number}-$Number$.m4s" startNumber="{own[0].number}">'
        f"<SegmentTimeline>{_timeline(own)}</SegmentTimeline></SegmentTemplate></Representation>\n"
    )


def _format(track: Track) -> str:
    """Return the rest of a representation's opening tag."""
    if not track.width:
        scheme = "urn:mpeg:dash:23003:3:audio_channel_configuration:2011"
        return (
            f'audioSamplingRate="{track.sample_rate}">'
            f'<AudioChannelConfiguration schemeIdUri="{scheme}" value="{track.channels}"/>'
        )
    rate = Fraction(track.frame_rate).limit_denominator(1001)
    return f'width="{track.width}" height="{track.height}" frameRate="{rate}">'


def _timeline(segments: Sequence[Segment]) -> str:
    """Return the times of segments; those of equal length that follow each other are one element."""
    elements = []
    expected = None
    # A segment lasts until the next one begins, so that nothing is between them.
    until = [*(segment.start for segment in segments[1:]), segments[-1].start + segments[-1].duration]
    pairs = [(segment.start, end - segment.start) for segment, end in zip(segments, until, strict=True)]
    for length, group in groupby(pairs, key=lambda pair: pair[1]):
        same = list(group)
        time = f't="{same[0][0]}" ' if same[0][0] != expected else ""
        repeat = f' r="{len(same) - 1}"' if len(same) > 1 else ""
        elements.append(f'<S {time}d="{length}"{repeat}/>')
        expected = same[-1][0] + length
    return "".join(elements)


def _duration(seconds: float) -> str:
    return f"PT{max(0.0, seconds):.3f}S"


def _date(unix_time: float) -> str:
    return datetime.fromtimestamp(unix_time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
