"""Stills of running broadcasts."""

import asyncio
import os
from pathlib import Path

from livestream.media.packaging.process import FfmpegFailed
from livestream.media.sandbox import Limits, confined

_TIMEOUT_SECONDS = 20.0
_WIDEST = 640
_LIMITS = Limits(cpu_seconds=10, memory_bytes=2**30, file_bytes=0)


async def still_of(segment: bytes) -> bytes:
    """Return the first picture of an initialization and a segment as a JPEG; raises FfmpegFailed."""
    process = await asyncio.create_subprocess_exec(
        *(*confined(_LIMITS), "ffmpeg", "-nostdin", "-v", "error", "-protocol_whitelist", "pipe"),
        *("-threads", "1", "-f", "mp4", "-i", "pipe:0", "-frames:v", "1", "-q:v", "4"),
        *("-vf", f"scale='min({_WIDEST},iw)':-2", "-f", "mjpeg", "pipe:1"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=Path("/"),
        env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
    )
    try:
        picture, errors = await asyncio.wait_for(process.communicate(segment), _TIMEOUT_SECONDS)
    except TimeoutError as error:
        raise FfmpegFailed("still: took too long") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode or not picture:
        raise FfmpegFailed(f"still: {errors.decode(errors='replace').strip()[-500:]}")
    return picture
