"""Stills of running broadcasts."""

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path

from livestream.media.packaging.broadcast import SOURCE, Segment, init_name
from livestream.media.packaging.process import FfmpegFailed
from livestream.media.packaging.store import BroadcastFolder
from soukloop.core.media.sandbox import Limits, confined

logger = logging.getLogger(__name__)

_EVERY_SECONDS = 10.0
_TIMEOUT_SECONDS = 20.0
_WIDEST = 640
_LIMITS = Limits(cpu_seconds=10, memory_bytes=2**30, file_bytes=0)


async def make_stills(
    public_id: str, folder: Callable[[], BroadcastFolder | None], has_picture: Callable[[], bool]
) -> None:
    """Store a still of the newest segment every 10 s, while there is a picture; never returns."""
    last: Segment | None = None
    while True:
        await asyncio.sleep(_EVERY_SECONDS if last else 0.5)
        target = folder()
        if target is None or not has_picture():
            continue
        segment = _smallest(target)
        if segment is None or segment == last:
            continue
        last = segment
        try:
            init = target.read(init_name(segment.rendition, segment.section))
            target.write_still(await still_of(init + target.read(segment.name)))
        except (FfmpegFailed, OSError) as error:
            logger.warning("still of %s failed: %s", public_id, error)


def _smallest(folder: BroadcastFolder) -> Segment | None:
    """Return the newest segment of the smallest picture."""
    rendition = next(reversed(folder.broadcast.smaller), SOURCE)
    return next(reversed(folder.broadcast.segments.get(rendition, [])), None)


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
