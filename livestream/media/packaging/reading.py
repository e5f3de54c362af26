"""One recording while it grows: its messages, repaired, and what an encoder sends after a pause."""

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from livestream.media import recordings
from livestream.media.flv.repair import Repair
from livestream.media.flv.sections import Output
from livestream.media.flv.tags import GrowingRecording, Tag, is_sequence_header, sequence_headers_before

# An encoder that sends nothing for so long is interrupted. One that pauses by habit is given more time.
_PATIENCE_SECONDS, _MOST_PATIENCE_SECONDS = 1.5, 5.0
# After a pause, messages are held back until it is seen whether they are old ones that had to wait.
_HELD_SECONDS = 0.3
_READ_AS_IT_COMES_BYTES = 65_536
_LONGEST_CONNECTING_SECONDS = 30.0


class RecordingReader:
    """Reads one recording; `shift` leads from its own timeline to the broadcast's, in ms."""

    def __init__(self, path: Path, *, offset: int = 0, repair: Repair | None = None) -> None:
        """Open a recording; raises OSError."""
        self.path = path
        self.patience = _PATIENCE_SECONDS
        self.is_new = offset == 0  # until there is a segment of it
        self.shift: int | None = None  # until a section begins
        self._recording = GrowingRecording(path, offset)
        self._repair = repair or Repair()
        self._first: Tag | None = None
        self._last: Tag | None = None
        self._held: list[Tag] = []
        self._interrupted_at: int | None = None
        self._last_timestamp = 0  # before the interruption
        self._resumed_at = 0.0
        self._has_waited = False

    @classmethod
    async def resume(cls, path: Path, offset: int) -> Self:
        """Open a recording where the one before ended; raises OSError and NotFlv."""
        return cls(path, offset=offset, repair=await _repair_from(path, offset))

    @property
    def position(self) -> int:
        return self._recording.position

    def close(self) -> None:
        self._recording.close()

    def read(self) -> list[Tag]:
        """Return the messages that were recorded since the last time; raises NotFlv."""
        return self._recording.read()

    def repaired(self, tags: Iterable[Tag], *, timeline: int) -> Output:
        """Return what the messages are after repair; `timeline` is where the broadcast has got to, in ms."""
        output: Output = []
        for tag in self._to_package(list(tags), timeline):
            self._first, self._last = self._first or tag, tag
            output += self._repair.feed(tag)
        return output

    def finish(self) -> Output:
        """Return what the repair still kept."""
        return self._repair.finish()

    async def interrupt(self, *, timeline: int) -> None:
        """Begin anew at the next keyframe: something stands in for the encoder from here on."""
        self._repair = await _repair_from(self.path, self.position)
        self.shift = None
        self._interrupted_at = timeline
        self._last_timestamp = self._last.timestamp if self._last else 0
        self._resumed_at, self._has_waited = 0.0, False

    def started_at(self) -> float | None:
        """Return the Unix time of the first frame since it was opened or interrupted; None if unknown."""
        if self._first is None or self._last is None:
            return None
        is_read_as_it_comes = self.position >= self.path.stat().st_size - _READ_AS_IT_COMES_BYTES
        recorded = (self._last.timestamp - self._first.timestamp & 0xFFFFFFFF) / 1000
        if self.is_new and is_read_as_it_comes and recorded < _LONGEST_CONNECTING_SECONDS:
            return time.time() - recorded
        if self.is_new:
            return recordings.started_at(self.path)
        return time.time() if is_read_as_it_comes else None

    def _to_package(self, tags: list[Tag], timeline: int) -> list[Tag]:
        """Return the messages that are to be packaged now.

        After a pause an encoder sends on, or first what had to wait while the network was away. That is left
        out, because something has stood in for it already, and viewers would be that much later for good.
        """
        if self._interrupted_at is None or self.shift is not None:
            return tags
        self._held += tags
        now = time.monotonic()
        self._resumed_at = self._resumed_at or (now if self._held else 0.0)
        if not self._held or now - self._resumed_at < _HELD_SECONDS:
            return []
        held, self._held = self._held, []
        filled = timeline - self._interrupted_at
        media = [tag for tag in held if tag.kind != "script"]
        if not self._has_waited and media:
            newest = media[-1].timestamp - self._last_timestamp
            self._has_waited = newest >= 0 and newest > filled / 2 + (now - self._resumed_at) * 1000
        if not self._has_waited:
            self._interrupted_at = None
            return held
        self.patience = min(max(self.patience, 1.5 * filled / 1000), _MOST_PATIENCE_SECONDS)
        return [tag for tag in held if not self._is_too_late(tag, filled)]

    def _is_too_late(self, tag: Tag, filled: int) -> bool:
        if tag.kind == "script" or is_sequence_header(tag.kind, tag.payload):
            return False
        return 0 <= tag.timestamp - self._last_timestamp < filled


async def _repair_from(path: Path, offset: int) -> Repair:
    """Return a repair that begins at a keyframe, with the configurations that were announced before it."""
    headers = await asyncio.to_thread(sequence_headers_before, path, offset)
    repair = Repair(from_keyframe=True)
    for tag in headers:
        repair.feed(tag)
    return repair
