"""Whether a broadcast has smaller renditions: its place among the transcoders, and attempts that failed."""

import logging
import time
from collections import deque

from livestream.media.packaging.renditions import Transcoders
from livestream.media.packaging.section import TranscoderTooSlow

logger = logging.getLogger(__name__)

_DEATHS, _WITHIN_SECONDS = 3, 60.0
_GIVEN_UP_SECONDS = 60.0
# After that the machine, or the encoder's picture, is not going to get better in this broadcast.
_TIMES_GIVEN_UP_MAX = 5


class Transcoding:
    """The smaller renditions of one broadcast. `take_place` is asked when a section begins."""

    def __init__(self, public_id: str, transcoders: Transcoders) -> None:
        self._public_id, self._transcoders = public_id, transcoders
        self._has_place = False
        self._deaths: deque[float] = deque(maxlen=_DEATHS)
        self._times_given_up = 0
        self._given_up_at = -_GIVEN_UP_SECONDS

    def take_place(self) -> bool:
        """Return whether the section that begins may have smaller renditions."""
        if (
            self._times_given_up >= _TIMES_GIVEN_UP_MAX
            or time.monotonic() - self._given_up_at < _GIVEN_UP_SECONDS
        ):
            return False
        self._has_place = self._has_place or self._transcoders.take()
        return self._has_place

    def give_place_back(self) -> None:
        if self._has_place:
            self._has_place = False
            self._transcoders.give_back()

    def note_failure(self, error: Exception) -> None:
        """Go on without smaller renditions for a while once they are too slow, or died too often."""
        now = time.monotonic()
        self._deaths.append(now)
        is_hopeless = len(self._deaths) == _DEATHS and now - self._deaths[0] < _WITHIN_SECONDS
        if not (isinstance(error, TranscoderTooSlow) or is_hopeless):
            logger.warning("smaller renditions of %s begin again: %s", self._public_id, error)
            return
        logger.warning("%s goes on without smaller renditions: %s", self._public_id, error)
        self._deaths.clear()
        self._times_given_up += 1
        self._given_up_at = now
        self.give_place_back()
        self._transcoders.dropped += 1
