"""ffmpeg and ffprobe as replays need them; nothing is encoded anew, so an hour of video takes seconds."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_LONGEST = 3600  # seconds for one step
_SEGMENT_SECONDS = 6


class FfmpegFailed(Exception):
    """What it said last."""


@dataclass(frozen=True)
class Probe:
    seconds: float
    has_video: bool


def probe(path: Path) -> Probe:
    """Return how long a file is and whether there is a picture; raises FfmpegFailed."""
    said = _run(
        "ffprobe",
        "-v",
        "error",
        "-of",
        "json",
        "-show_entries",
        "format=duration:stream=codec_type",
        str(path),
    )
    described = json.loads(said)
    kinds = [stream.get("codec_type") for stream in described.get("streams", [])]
    if not kinds:
        raise FfmpegFailed(f"{path.name}: neither picture nor sound")
    return Probe(float(described.get("format", {}).get("duration", 0)), "video" in kinds)


def remux(source: Path, target: Path) -> None:
    """Put a recording into an MP4 that starts to play before it is loaded; a torn end is cut off."""
    _into(target, "-i", str(source), "-map", "0", "-c", "copy", "-movflags", "+faststart", "-f", "mp4")


def join(sources: list[Path], target: Path) -> None:
    """Put several MP4s one behind the other."""
    listing = target.with_suffix(".txt")
    # Names are ours (a stream's public id and a number), so nothing in them needs escaping.
    listing.write_text("".join(f"file '{source.resolve()}'\n" for source in sources))
    _into(
        target,
        *("-f", "concat", "-safe", "0", "-i", str(listing)),
        *("-map", "0", "-c", "copy", "-movflags", "+faststart", "-f", "mp4"),
    )
    listing.unlink()


def segment(source: Path, folder: Path, *, prefix: str) -> None:
    """Cut a video into HLS segments; the playlist `index.m3u8` names them with the prefix."""
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


def poster(source: Path, target: Path, *, at: float) -> None:
    """Take one picture, at most 1280 pixels wide."""
    _into(
        target,
        *("-ss", f"{at:.3f}", "-i", str(source), "-frames:v", "1", "-q:v", "3"),
        *("-vf", "scale='min(1280,iw)':-2", "-f", "mjpeg"),
    )


def _into(target: Path, *arguments: str) -> None:
    """Write a file under another name first: what bears its own name is whole."""
    unfinished = target.with_name(f"{target.name}.unfinished")
    _run("ffmpeg", "-nostdin", "-v", "error", "-y", *arguments, str(unfinished))
    if not unfinished.exists() or not unfinished.stat().st_size:
        raise FfmpegFailed(f"{target.name}: nothing was written")
    unfinished.replace(target)


def _run(*command: str) -> str:
    try:
        done = subprocess.run(
            ["nice", "-n", "10", *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LONGEST,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FfmpegFailed(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        raise FfmpegFailed(done.stderr.strip()[-2000:] or f"{command[0]} ended with {done.returncode}")
    return done.stdout
