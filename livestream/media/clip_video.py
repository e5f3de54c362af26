"""Cutting a clip out of growing recordings, or out of a replay's HLS segments."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from livestream.media import addresses, ffmpeg, replay_files, replay_video
from livestream.media.replay_sections import Piece, read_contents

_END_MARGIN_MS = 500  # pictures are stored in another order than they are shown


class OutOfRange(Exception):
    """The video has nothing at these times."""


def cut_recordings(paths: Sequence[Path], target: Path, *, start: float, end: float) -> None:
    """Cut out what is between two times, in seconds of the replay that would be made of the recordings.

    Raises OutOfRange, FfmpegError, OSError.
    """
    contents = read_contents(paths)
    start_ms, end_ms = round(start * 1000), round(end * 1000)
    pieces: list[Piece] = []
    skip = position = 0
    for piece in contents.pieces:
        piece_end = piece.position + piece.milliseconds
        if piece_end <= start_ms or piece.position >= end_ms:
            continue
        wanted = max(0, start_ms - piece.position)
        begin = max((at for at in piece.keyframes if at <= wanted), default=0)
        if not pieces:
            skip = wanted - begin
        length = min(piece.milliseconds, end_ms + _END_MARGIN_MS - piece.position) - begin
        pieces.append(replace(piece, begin=begin, milliseconds=length, position=position))
        position += length
    if not pieces or position - skip < _END_MARGIN_MS:
        raise OutOfRange(f"the video is {contents.milliseconds / 1000:.1f} s long")
    whole = target.with_name(f"whole-{target.name}")
    replay_video.join(pieces, whole)
    ffmpeg.cut(target, source=whole, skip=skip / 1000, seconds=end - start)
    whole.unlink()


def cut_replay(public_id: str, target: Path, *, start: float, end: float) -> None:
    """Cut out what is between two times, in seconds; only the HLS segments that are needed are read.

    Raises OutOfRange, FfmpegError, OSError.
    """
    playlist = b"".join(replay_files.chunks(addresses.playlist_name(public_id))).decode()
    names: list[str] = []
    skip = position = 0.0
    for seconds, name in _segments(playlist):
        if position + seconds > start and position < end:
            if not names:
                skip = max(0.0, start - position)
            names.append(name)
        position += seconds
    if not names:
        raise OutOfRange(f"the replay is {position:.1f} s long")
    initialization = re.findall('#EXT-X-MAP:URI="([^"]+)"', playlist)
    chunks = (chunk for name in [*initialization, *names] for chunk in replay_files.chunks(name))
    # Earlier versions made transport streams.
    demuxer = "mov" if initialization else "mpegts"
    ffmpeg.cut(target, segments=chunks, demuxer=demuxer, skip=skip, seconds=end - start)


def _segments(playlist: str) -> Iterator[tuple[float, str]]:
    """Yield the length and name of each segment of a playlist that we wrote."""
    seconds = 0.0
    for line in playlist.splitlines():
        if line.startswith("#EXTINF:"):
            seconds = float(line.removeprefix("#EXTINF:").partition(",")[0])
        elif line and not line.startswith("#"):
            yield seconds, line
