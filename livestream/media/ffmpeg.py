"""The ffmpeg and ffprobe commands for replays, all run in the sandbox."""

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from livestream.media import sandbox
from livestream.media.sandbox import FfmpegError, FfmpegInterrupted

__all__ = [
    "FfmpegError",
    "FfmpegInterrupted",
    "Probe",
    "decode_errors",
    "join",
    "mux",
    "probe",
    "save_poster",
    "segment",
]

_SEGMENT_SECONDS = 6
_COMMAND = ("-nostdin", "-v", "error", "-y")


@dataclass(frozen=True)
class Probe:
    seconds: float
    has_video: bool
    has_audio: bool


def probe(path: Path) -> Probe:
    """Return an MP4's duration and which tracks it has; raises FfmpegError."""
    with sandbox.working_folder(path.parent, path) as folder:
        output, _ = sandbox.run(
            "ffprobe",
            (
                *("-v", "error", "-of", "json", "-show_entries", "format=duration:stream=codec_type"),
                *sandbox.input_options("mov"),
                *("-i", path.name),
            ),
            folder=folder,
        )
    probed = json.loads(output)
    kinds = {stream.get("codec_type") for stream in probed.get("streams", [])}
    if not kinds & {"video", "audio"}:
        raise FfmpegError(f"{path.name}: neither video nor audio")
    return Probe(float(probed["format"].get("duration", 0)), "video" in kinds, "audio" in kinds)


def mux(flv: Iterable[bytes], target: Path) -> None:
    """Make an MP4 that can play while loading from FLV; nothing is re-encoded. Raises FfmpegError."""
    with sandbox.working_folder(target.parent) as folder:
        sandbox.run(
            "ffmpeg",
            (
                *_COMMAND[1:],
                *sandbox.input_options("flv"),
                *("-i", "pipe:0", "-map", "0:v?", "-map", "0:a?", "-c", "copy"),
                *("-movflags", "+faststart", "-f", "mp4", "video.mp4"),
            ),
            folder=folder,
            feed=flv,
        )
        sandbox.take(folder / "video.mp4", target)


def join(sources: list[Path], target: Path) -> None:
    """Concatenate MP4s of the same folder; raises FfmpegError."""
    with sandbox.working_folder(target.parent, *sources) as folder:
        # The names consist of letters and numbers, so nothing in them needs escaping.
        (folder / "list.txt").write_text("".join(f"file {source.name}\n" for source in sources))
        sandbox.run(
            "ffmpeg",
            (
                *_COMMAND,
                *sandbox.input_options("concat,mov")[:2],
                *("-format_whitelist", "concat,mov", "-f", "concat", "-safe", "1", "-i", "list.txt"),
                *("-map", "0", "-c", "copy", "-movflags", "+faststart", "-f", "mp4", "video.mp4"),
            ),
            folder=folder,
        )
        sandbox.take(folder / "video.mp4", target)


def segment(source: Path, target: Path, *, prefix: str) -> None:
    """Cut an MP4 into HLS segments in the folder `target`; `index.m3u8` lists them with the prefix."""
    with sandbox.working_folder(source.parent, source) as folder:
        sandbox.run(
            "ffmpeg",
            (
                *_COMMAND,
                *sandbox.input_options("mov"),
                *("-i", source.name, "-c", "copy", "-f", "hls", "-hls_time", str(_SEGMENT_SECONDS)),
                *("-hls_playlist_type", "vod", "-hls_flags", "independent_segments"),
                *("-hls_base_url", prefix, "-hls_segment_filename", "%05d.ts", "index.m3u8"),
            ),
            folder=folder,
        )
        unfinished = target.with_name(f"{target.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        for path in (*folder.glob("*.ts"), folder / "index.m3u8"):
            sandbox.take(path, unfinished / path.name)
        shutil.rmtree(target, ignore_errors=True)
        unfinished.rename(target)


def save_poster(source: Path, target: Path, *, at: float) -> None:
    """Save the frame at `at` seconds as a JPEG, at most 1280 pixels wide; raises FfmpegError."""
    with sandbox.working_folder(source.parent, source) as folder:
        sandbox.run(
            "ffmpeg",
            (
                *_COMMAND,
                *sandbox.input_options("mov"),
                *("-ss", f"{at:.3f}", "-i", source.name, "-frames:v", "1", "-q:v", "3"),
                *("-vf", "scale='min(1280,iw)':-2", "-f", "mjpeg", "poster.jpg"),
            ),
            folder=folder,
            limits=sandbox.Limits(cpu_seconds=60, wall_seconds=300),
        )
        sandbox.take(folder / "poster.jpg", target)


def decode_errors(video: Iterable[bytes], *, folder: Path, seconds: float) -> str:
    """Decode a whole MP4 that plays while loading; return the errors, "" if there are none."""
    limit = int(60 + 4 * seconds)  # nothing that can be shown takes as long to decode as to play
    with sandbox.working_folder(folder) as empty:
        try:
            _, errors = sandbox.run(
                "ffmpeg",
                (
                    *_COMMAND[1:],
                    *("-threads", "2", *sandbox.input_options("mov"), "-i", "pipe:0"),
                    *("-fps_mode", "passthrough", "-f", "null", "-"),
                ),
                folder=empty,
                feed=video,
                limits=sandbox.Limits(cpu_seconds=limit, wall_seconds=4 * limit),
            )
        except FfmpegError as error:
            return str(error)
    return errors.strip()
