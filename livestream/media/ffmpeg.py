"""The ffmpeg and ffprobe commands for replays. None re-encodes, so an hour of video takes seconds."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from soukloop.core.db.release import release_connection

_TIMEOUT_SECONDS = 3600
_SEGMENT_SECONDS = 6


class FfmpegError(Exception):
    """ffmpeg or ffprobe failed; the message is the end of its error output."""


@dataclass(frozen=True)
class Probe:
    seconds: float
    has_video: bool


def probe(path: Path) -> Probe:
    """Return a file's duration and whether it contains video; raises FfmpegError."""
    output = _run(
        *("ffprobe", "-v", "error", "-of", "json"),
        *("-show_entries", "format=duration:stream=codec_type", str(path)),
    )
    probed = json.loads(output)
    codec_types = [stream.get("codec_type") for stream in probed.get("streams", [])]
    if not codec_types:
        raise FfmpegError(f"{path.name}: neither video nor audio")
    return Probe(float(probed.get("format", {}).get("duration", 0)), "video" in codec_types)


def remux(source: Path, target: Path) -> None:
    """Convert a recording to an MP4 that can play while loading; an incomplete last frame is dropped."""
    _write_to(target, "-i", str(source), "-map", "0", "-c", "copy", "-movflags", "+faststart", "-f", "mp4")


def join(sources: list[Path], target: Path) -> None:
    """Concatenate MP4s."""
    listing = target.with_suffix(".txt")
    # The paths consist of public ids and numbers, so nothing in them needs escaping.
    listing.write_text("".join(f"file '{source.resolve()}'\n" for source in sources))
    _write_to(
        target,
        *("-f", "concat", "-safe", "0", "-i", str(listing)),
        *("-map", "0", "-c", "copy", "-movflags", "+faststart", "-f", "mp4"),
    )
    listing.unlink()


def segment(source: Path, folder: Path, *, prefix: str) -> None:
    """Cut a video into HLS segments; the playlist `index.m3u8` lists them with the prefix."""
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    _run(
        *("ffmpeg", "-nostdin", "-v", "error", "-y", "-i", str(source), "-c", "copy"),
        *("-f", "hls", "-hls_time", str(_SEGMENT_SECONDS), "-hls_playlist_type", "vod"),
        *("-hls_base_url", prefix, "-hls_segment_filename", str(unfinished / "%05d.ts")),
        str(unfinished / "index.m3u8"),
    )
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)


def save_poster(source: Path, target: Path, *, at: float) -> None:
    """Save the frame at `at` seconds as a JPEG, at most 1280 pixels wide; raises FfmpegError."""
    _write_to(
        target,
        *("-ss", f"{at:.3f}", "-i", str(source), "-frames:v", "1", "-q:v", "3"),
        *("-vf", "scale='min(1280,iw)':-2", "-f", "mjpeg"),
    )


def _write_to(target: Path, *arguments: str) -> None:
    """Run ffmpeg, and rename its output to the target only once it is complete."""
    unfinished = target.with_name(f"{target.name}.unfinished")
    _run("ffmpeg", "-nostdin", "-v", "error", "-y", *arguments, str(unfinished))
    if not unfinished.exists() or not unfinished.stat().st_size:
        raise FfmpegError(f"{target.name}: nothing was written")
    unfinished.replace(target)


def _run(*command: str) -> str:
    release_connection()  # it may run for minutes
    try:
        completed = subprocess.run(
            ["nice", "-n", "10", *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_SECONDS,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FfmpegError(f"{command[0]}: {error}") from error
    if completed.returncode != 0:
        raise FfmpegError(
            completed.stderr.strip()[-2000:] or f"{command[0]} exited with {completed.returncode}"
        )
    return completed.stdout
