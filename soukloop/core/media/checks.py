"""What is looked at of a finished video: one picture, and whether all of it decodes."""

from collections.abc import Iterable
from pathlib import Path

from soukloop.core.media import sandbox
from soukloop.core.media.sandbox import FfmpegError, FfmpegInterrupted

_COMMAND = ("-nostdin", "-v", "error", "-y")


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
    """Decode a whole MP4 that plays while loading; return the errors, "" if there are none.

    Raises FfmpegInterrupted, which says nothing about the video.
    """
    limit = int(60 + 4 * seconds)  # nothing that can be shown takes as long to decode as to play
    with sandbox.working_folder(folder) as empty:
        try:
            _, errors = sandbox.run(
                "ffmpeg",
                (
                    *_COMMAND[1:],
                    *(*sandbox.input_options("mov"), "-i", "pipe:0"),
                    *("-fps_mode", "passthrough", "-enc_time_base", "1/90000", "-f", "null", "-"),
                ),
                folder=empty,
                feed=video,
                limits=sandbox.Limits(cpu_seconds=limit, wall_seconds=4 * limit),
            )
        except FfmpegInterrupted:
            raise
        except FfmpegError as error:
            return str(error)
    return errors.strip()
