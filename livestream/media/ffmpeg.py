"""The ffmpeg and ffprobe commands for replays, all run in the sandbox."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from soukloop.core.media import sandbox
from soukloop.core.media.checks import decode_errors, save_poster
from soukloop.core.media.sandbox import FfmpegError, FfmpegInterrupted

__all__ = [
    "AudioTarget",
    "FfmpegError",
    "FfmpegInterrupted",
    "VideoTarget",
    "cut",
    "decode_errors",
    "encode",
    "mux",
    "save_poster",
    "segment",
    "track_lengths",
]

_SEGMENT_SECONDS = 6
_INIT, _PLAYLIST = "init.mp4", "index.m3u8"
_COMMAND = ("-nostdin", "-v", "error", "-y")


class VideoTarget(NamedTuple):
    """The file and format of video that is encoded again."""

    path: Path
    width: int
    height: int
    profile: str
    parameter_set_id: int  # of its SPS and PPS


class AudioTarget(NamedTuple):
    """The file and format of sound that is encoded again, in AAC-LC."""

    path: Path
    sample_rate: int
    channels: int


def track_lengths(path: Path) -> dict[str, float]:
    """Return the seconds of each kind of track of an MP4; raises FfmpegError."""
    with sandbox.working_folder(path.parent, path) as folder:
        output, _ = sandbox.run(
            "ffprobe",
            (
                *("-v", "error", "-of", "json", "-show_entries", "stream=codec_type,duration"),
                *sandbox.input_options("mov"),
                *("-i", path.name),
            ),
            folder=folder,
        )
    tracks = json.loads(output).get("streams", [])
    return {track["codec_type"]: float(track.get("duration", 0)) for track in tracks}


def mux(flv: Iterable[bytes], target: Path, *, seconds: float) -> None:
    """Make an MP4 that can play while loading from repaired FLV; nothing is re-encoded."""
    with sandbox.working_folder(target.parent) as folder:
        sandbox.run(
            "ffmpeg",
            (
                *_COMMAND[1:],
                *sandbox.input_options("flv"),
                *("-analyzeduration", "0", "-fpsprobesize", "0", "-copyts", "-i", "pipe:0"),
                *("-map", "0:v", "-map", "0:a", "-c", "copy", "-bsf:v", "setts=pts=PTS:dts=DTS:duration=40"),
                *("-movflags", "+faststart", "-f", "mp4", "video.mp4"),
            ),
            folder=folder,
            feed=flv,
            limits=sandbox.Limits(cpu_seconds=int(300 + seconds)),
        )
        sandbox.take(folder / "video.mp4", target)


def encode(
    flv: Iterable[bytes], *, video: VideoTarget | None, audio: AudioTarget | None, seconds: float
) -> None:
    """Encode the video of repaired FLV to FLV, its sound to ADTS, or both; times stay as they are.

    A picture of another shape gets black bars. The sound is exactly as long as `seconds`.
    """
    outputs: tuple[str, ...] = ()
    targets = [target.path for target in (video, audio) if target]
    if video:
        size = f"{video.width}:{video.height}"
        scale = f"scale={size}:force_original_aspect_ratio=decrease:force_divisible_by=2"
        outputs += (
            *("-map", "0:v", "-vf", f"{scale},pad={size}:(ow-iw)/2:(oh-ih)/2,setsar=1"),
            *("-c:v", "libx264", "-preset", "veryfast", "-crf", "21", "-bf", "0", "-pix_fmt", "yuv420p"),
            *("-maxrate", "6M", "-bufsize", "12M", "-profile:v", video.profile, "-threads", "2"),
            *("-x264-params", f"sps-id={video.parameter_set_id}"),
            *("-force_key_frames", "expr:gte(t,n_forced*2)", "-enc_time_base", "1/1000", "-fps_mode", "vfr"),
            *("-f", "flv", "video.flv"),
        )
    if audio:
        outputs += (
            *("-map", "0:a", "-af"),
            f"aresample={audio.sample_rate}:async=1:first_pts=0,apad=whole_dur={seconds},atrim=end={seconds}",
            *("-ac", str(audio.channels), "-c:a", "aac", "-b:a", f"{64 * audio.channels}k"),
            *("-f", "adts", "sound.aac"),
        )
    limit = int(60 + 10 * seconds)
    with sandbox.working_folder(targets[0].parent) as folder:
        sandbox.run(
            "ffmpeg",
            (
                *_COMMAND[1:],
                *sandbox.input_options("flv"),
                *("-analyzeduration", "0", "-fpsprobesize", "0", "-copyts", "-i", "pipe:0"),
                *outputs,
            ),
            folder=folder,
            feed=flv,
            limits=sandbox.Limits(cpu_seconds=limit, wall_seconds=4 * limit),
        )
        if video:
            sandbox.take(folder / "video.flv", video.path)
        if audio:
            sandbox.take(folder / "sound.aac", audio.path)


def cut(
    target: Path,
    *,
    skip: float,
    seconds: float,
    source: Path | None = None,
    segments: Iterable[bytes] | None = None,
    demuxer: str = "mov",
) -> None:
    """Encode a part of an MP4, or of HLS segments, as an MP4 that begins exactly after `skip` seconds."""
    sources = [source] if source else []
    name = source.name if source else "pipe:0"
    with sandbox.working_folder(target.parent, *sources) as folder:
        sandbox.run(
            "ffmpeg",
            (
                *_COMMAND[1:],
                *sandbox.input_options(demuxer),
                *("-i", name, "-ss", f"{skip:.3f}", "-t", f"{seconds:.3f}", "-map", "0:v:0", "-map", "0:a:0"),
                *("-c:v", "libx264", "-preset", "veryfast", "-crf", "21", "-pix_fmt", "yuv420p"),
                *("-maxrate", "6M", "-bufsize", "12M", "-threads", "2", "-c:a", "aac", "-b:a", "128k"),
                *("-movflags", "+faststart", "-f", "mp4", "clip.mp4"),
            ),
            folder=folder,
            feed=segments,
            limits=sandbox.Limits(cpu_seconds=1200, wall_seconds=2400),
        )
        sandbox.take(folder / "clip.mp4", target)


def segment(source: Path, target: Path, *, prefix: str) -> None:
    """Cut an MP4 into HLS segments in the folder `target`; `index.m3u8` lists them with the prefix.

    They are fragments of MP4: of transport streams hls.js keeps one SPS and PPS, and a replay may have more.
    """
    with sandbox.working_folder(source.parent, source) as folder:
        sandbox.run(
            "ffmpeg",
            (
                *_COMMAND,
                *sandbox.input_options("mov"),
                *("-i", source.name, "-c", "copy", "-f", "hls", "-hls_time", str(_SEGMENT_SECONDS)),
                *("-hls_playlist_type", "vod", "-hls_flags", "independent_segments"),
                *("-hls_segment_type", "fmp4", "-hls_fmp4_init_filename", _INIT),
                *("-hls_base_url", prefix, "-hls_segment_filename", "%05d.m4s", _PLAYLIST),
            ),
            folder=folder,
        )
        unfinished = target.with_name(f"{target.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        for path in (*folder.glob("*.m4s"), folder / _INIT, folder / _PLAYLIST):
            sandbox.take(path, unfinished / path.name)
        playlist = unfinished / _PLAYLIST
        # ffmpeg puts the prefix before the segments only.
        playlist.write_text(playlist.read_text().replace(f'URI="{_INIT}"', f'URI="{prefix}{_INIT}"'))
        shutil.rmtree(target, ignore_errors=True)
        unfinished.rename(target)
