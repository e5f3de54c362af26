"""Making HLS and a poster of an uploaded video, with ffmpeg in the sandbox."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from listings.media.stored import PLAYLIST
from soukloop.core.media import checks, sandbox
from soukloop.core.media.sandbox import FfmpegError

# Heights of upright pictures lying down, widths of those standing up; with bits a second at most.
_RENDITIONS = {720: 3_000_000, 360: 800_000}
_SEGMENT_SECONDS = 4
_PIXELS_MAX = 4096 * 2304  # what is decoded in 3 GiB of addresses
_FRAMES_PER_SECOND_MAX = 30
_LENGTH_TOLERANCE = 1.0  # seconds by which containers and their tracks differ
_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_EBML = b"\x1a\x45\xdf\xa3"  # of WebM


class VideoRefused(Exception):
    """The video can't be used; `reason` is a VideoUpload.Reason."""

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(message or reason)
        self.reason = reason


@dataclass(frozen=True)
class Source:
    """What an uploaded video is; `seconds` is None if the file doesn't say."""

    demuxer: str
    picture: int  # number of its track
    sound: int | None
    short_side: int
    seconds: float | None
    still_seconds: float  # for which the sound goes on after the last picture


@dataclass(frozen=True)
class Made:
    """What was made of a video: the files in the order in which they are to be stored."""

    files: list[Path]
    poster: Path
    seconds: float


def read_source(path: Path) -> Source:
    """Say what a video is; raises VideoRefused, FfmpegError."""
    demuxer = _demuxer_of(path)
    with sandbox.working_folder(path.parent, path) as folder:
        try:
            output, _ = sandbox.run(
                "ffprobe",
                (
                    *("-v", "error", "-of", "json", "-show_entries"),
                    "format=duration:stream=index,codec_type,width,height,duration:stream_disposition=attached_pic",
                    *sandbox.input_options(demuxer),
                    *("-i", path.name),
                ),
                folder=folder,
                limits=sandbox.Limits(cpu_seconds=60, wall_seconds=300),
            )
        except sandbox.FfmpegInterrupted:
            raise
        except FfmpegError as error:
            raise VideoRefused("unreadable", str(error)) from error
    return _source(demuxer, json.loads(output))


def _source(demuxer: str, found: dict[str, Any]) -> Source:
    tracks = found.get("streams", [])
    # An attached picture is the cover of a song.
    pictures = [track for track in tracks if track.get("codec_type") == "video"]
    pictures = [track for track in pictures if not track.get("disposition", {}).get("attached_pic")]
    if not pictures:
        raise VideoRefused("no_picture")
    picture = pictures[0]
    width, height = picture.get("width", 0), picture.get("height", 0)
    if width * height > _PIXELS_MAX:
        raise VideoRefused("too_large", f"{width} x {height}")
    if min(width, height) < 2:
        raise VideoRefused("unreadable", f"{width} x {height}")
    # Of the picture and the sound that are used: a subtitle may be longer.
    sound = next((track for track in tracks if track.get("codec_type") == "audio"), None)
    lengths = [float(track.get("duration", 0)) for track in (picture, sound) if track]
    seconds = max(lengths) if all(lengths) else float(found.get("format", {}).get("duration", 0)) or None
    if seconds is not None and seconds > _seconds_max() + _LENGTH_TOLERANCE:
        raise VideoRefused("too_long", f"{seconds:.1f} s")
    still = max(0.0, lengths[-1] - lengths[0]) if all(lengths) else 0.0
    number = sound["index"] if sound else None
    return Source(demuxer, picture["index"], number, min(width, height), seconds, still)


def _demuxer_of(path: Path) -> str:
    with path.open("rb") as file:
        begin = file.read(12)
    if begin[4:8] in _MP4_BOXES:
        return "mov"
    if begin.startswith(_EBML):
        return "matroska"
    raise VideoRefused("unsupported_format", begin.hex())


def make(path: Path, source: Source, folder: Path, *, report: Callable[[int], None]) -> Made:
    """Make HLS of up to two sizes and a poster in a folder; the picture isn't enlarged.

    `report` is called twice a second with the percentage; what it raises ends ffmpeg. Raises VideoRefused,
    FfmpegError, OSError.
    """
    sizes = sorted({min(size, source.short_side // 2 * 2) for size in _RENDITIONS}, reverse=True)
    _transcode(path, source, folder, sizes, report)
    seconds = _check(source, folder, sizes)
    whole = folder / "whole.mp4"
    with whole.open("wb") as file:
        file.writelines(_chunks(folder, sizes[0]))
    whole.chmod(0o644)
    # Half a second holds one picture for sure, where there is more than one.
    checks.save_poster(whole, folder / "poster.jpg", at=min(1.0, seconds / 2) if seconds > 0.5 else 0.0)
    whole.unlink()
    files = [
        *sorted(folder.glob("*.m4s")),
        *sorted(folder.glob("*.mp4")),
        *(folder / _playlist(size) for size in sizes),
        folder / PLAYLIST,
    ]
    return Made(files, folder / "poster.jpg", seconds)


def _transcode(
    path: Path, source: Source, target: Path, sizes: list[int], report: Callable[[int], None]
) -> None:
    # Reads a second more than allowed, to notice that there is more.
    seconds = source.seconds or _seconds_max()
    limit = int(60 + 30 * seconds)
    with sandbox.working_folder(target, path) as folder:
        try:
            sandbox.run(
                "ffmpeg",
                (
                    *("-nostdin", "-v", "error", "-y", "-progress", "pipe:1", "-nostats"),
                    *sandbox.input_options(source.demuxer),
                    *("-i", path.name, "-t", str(_seconds_max() + 2 * _LENGTH_TOLERANCE)),
                    *_outputs(source, sizes),
                ),
                folder=folder,
                limits=sandbox.Limits(cpu_seconds=limit, wall_seconds=2 * limit, file_bytes=2**29),
                watch=lambda output: report(_percent(output, seconds)),
            )
            for made in [*folder.glob("*.m4s"), *folder.glob("*-init.mp4"), *folder.glob("*.m3u8")]:
                sandbox.take(made, target / made.name)
        except sandbox.FfmpegInterrupted:
            raise
        except FfmpegError as error:
            raise VideoRefused("unreadable", str(error)) from error


def _outputs(source: Source, sizes: list[int]) -> tuple[str, ...]:
    splits = "".join(f"[s{number}]" for number in range(len(sizes)))
    # With square pixels first, since a picture may be stored narrower than it is shown.
    rate = f"scale='trunc(iw*sar/2)*2':ih,setsar=1,fps=fps='min(source_fps,{_FRAMES_PER_SECOND_MAX})'"
    # Sound that goes on is shown with the last picture, as in a song with a photo.
    still = f",tpad=stop_mode=clone:stop_duration={source.still_seconds:.3f}" if source.still_seconds else ""
    filters = [f"[0:{source.picture}]{rate}{still},split={len(sizes)}{splits}"]
    filters += [
        f"[s{number}]scale='if(gt(iw,ih),-2,{size})':'if(gt(iw,ih),{size},-2)',setsar=1[v{number}]"
        for number, size in enumerate(sizes)
    ]
    options: list[str] = ["-filter_complex", ";".join(filters)]
    variants = []
    for number, size in enumerate(sizes):
        rate_max = _RENDITIONS[720 if size > 360 else 360]
        options += ["-map", f"[v{number}]"]
        options += [f"-maxrate:v:{number}", str(rate_max), f"-bufsize:v:{number}", str(2 * rate_max)]
        variant = f"v:{number},name:{size}"
        if source.sound is not None:
            options += ["-map", f"0:{source.sound}"]
            variant = f"v:{number},a:{number},name:{size}"
        variants.append(variant)
    # Of a single variant ffmpeg takes `%v` in this name as it is.
    initialization = "%v-init.mp4" if len(sizes) > 1 else f"{sizes[0]}-init.mp4"
    return (
        *options,
        *("-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-pix_fmt", "yuv420p"),
        *("-profile:v", "high", "-force_key_frames", "expr:gte(t,n_forced*2)", "-sc_threshold", "0"),
        *("-threads", "2", "-c:a", "aac", "-b:a", "128k", "-ac", "2", "-ar", "48000"),
        *("-map_metadata", "-1", "-map_chapters", "-1"),  # such as where it was recorded
        *("-f", "hls", "-hls_time", str(_SEGMENT_SECONDS), "-hls_playlist_type", "vod"),
        *("-hls_flags", "independent_segments", "-hls_segment_type", "fmp4"),
        *("-hls_fmp4_init_filename", initialization, "-hls_segment_filename", "%v-%05d.m4s"),
        *("-master_pl_name", PLAYLIST, "-var_stream_map", " ".join(variants), "%v.m3u8"),
    )


def _check(source: Source, folder: Path, sizes: list[int]) -> float:
    """Return the seconds of what was made; raises VideoRefused unless it is whole and decodes."""
    seconds = sum(map(float, re.findall(r"#EXTINF:([\d.]+)", (folder / _playlist(sizes[0])).read_text())))
    if seconds > _seconds_max() + _LENGTH_TOLERANCE:
        raise VideoRefused("too_long", f"{seconds:.1f} s")
    if not seconds or (source.seconds and seconds < 0.95 * source.seconds - _LENGTH_TOLERANCE):
        raise VideoRefused("unreadable", f"{seconds:.1f} s of {source.seconds} could be read")
    for size in sizes:
        if errors := checks.decode_errors(_chunks(folder, size), folder=folder, seconds=seconds):
            raise FfmpegError(errors)
    return seconds


def _chunks(folder: Path, size: int) -> Iterator[bytes]:
    """Yield the files of one size, in the order in which they are played."""
    playlist = (folder / _playlist(size)).read_text()
    [initialization] = re.findall('#EXT-X-MAP:URI="([^"]+)"', playlist)
    segments = [line for line in playlist.splitlines() if line and not line.startswith("#")]
    for name in [initialization, *segments]:
        yield (folder / name).read_bytes()


def _playlist(size: int) -> str:
    return f"{size}.m3u8"


def _percent(output: str, seconds: float) -> int:
    """Return how much ffmpeg has made, from its progress report; the rest is checked and stored."""
    times = re.findall(r"out_time_us=(\d+)", output)
    return min(95, int(95 * int(times[-1]) / 1_000_000 / seconds)) if times else 0


def _seconds_max() -> float:
    return float(settings.VIDEO_MAX_DURATION.total_seconds())
