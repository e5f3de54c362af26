"""The encoder's clock, whose jumps are taken out."""

from dataclasses import dataclass

_HALF, _MASK = 1 << 31, (1 << 32) - 1
_JITTER_MS = 250
_JUMP_BACK_MS = 1000
_JUMP_FORWARD_MS = 2000
_DEFAULT_STEP_MS = 20
_LONGEST_STEP_MS = 100
_FOLLOWING_MS = 100


@dataclass(slots=True)
class _Clock:
    """A recorded time and the repaired time that it stands for; what follows is counted from there."""

    recorded: int
    repaired: int

    def time_of(self, timestamp: int) -> int:
        return self.repaired + ((timestamp - self.recorded + _HALF) & _MASK) - _HALF


class RepairedClock:
    """Turns the timestamps of both tracks into times that start at 0 and never jump.

    Differences are taken modulo 2^32, so any beginning and the overflow of the timestamps are fine. After a
    jump the other track may still follow the clock before it (or always follow one of its own), so the two
    latest clocks are known.

    Timestamps may also stand still: the media server records 0 for all that an encoder sends after its clock
    went back behind the time at which the recording began. Then sound takes as long as it sounds, and
    pictures follow the sound.
    """

    def __init__(self) -> None:
        self._clocks: list[_Clock] = []
        self._last: dict[str, int] = {}
        self._step = {"video": _DEFAULT_STEP_MS, "audio": _DEFAULT_STEP_MS}
        self._newest = 0
        self._recorded: dict[str, int] = {}
        self._sound_end = self._sound_length = 0.0

    def place_audio(self, timestamp: int, milliseconds: float) -> tuple[int, bool]:
        """Return the repaired time in ms of a piece of sound, and whether the clock jumped before it."""
        if timestamp == self._recorded.get("audio"):
            self._sound_end += self._sound_length
            placed = self._note("audio", int(self._sound_end)), False
        else:
            placed = self._place("audio", timestamp)
            self._sound_end = placed[0]
        self._sound_length = milliseconds
        return placed

    def place_video(self, timestamp: int) -> tuple[int, bool]:
        """Return the repaired time in ms of a picture, and whether the clock jumped before it."""
        if timestamp != self._recorded.get("video"):
            return self._place("video", timestamp)
        time = self._last["video"] + self._step["video"]
        lag = self._last.get("audio", time) - time
        if lag > _FOLLOWING_MS:
            time += lag
        elif lag < -_FOLLOWING_MS:
            time = self._last["video"] + 1
        return self._note("video", time), False

    def _place(self, kind: str, timestamp: int) -> tuple[int, bool]:
        self._recorded[kind] = timestamp
        last = self._last.get(kind)
        # A track that only begins may be sent later than the other.
        earliest = last - _JITTER_MS if last is not None else self._newest - _JUMP_FORWARD_MS
        latest = self._newest + _JUMP_FORWARD_MS
        for clock in self._clocks:
            time = clock.time_of(timestamp)
            if earliest <= time <= latest:
                if time > clock.repaired:
                    clock.recorded, clock.repaired = timestamp, time
                return self._note(kind, time), False
        has_jumped = self._is_jump(last, timestamp)
        time = max((self._last[track] + self._step[track] for track in self._last), default=0)
        self._clocks = [_Clock(timestamp, time), *self._clocks[:1]]
        return self._note(kind, time), has_jumped

    def shift(self, milliseconds: int) -> None:
        """Count from another beginning."""
        for clock in self._clocks:
            clock.repaired += milliseconds
        for kind in self._last:
            self._last[kind] += milliseconds
        self._newest += milliseconds
        self._sound_end += milliseconds

    def _is_jump(self, last: int | None, timestamp: int) -> bool:
        if not self._clocks:
            return False
        earliest = self._newest - _JUMP_FORWARD_MS if last is None else last - _JUMP_BACK_MS
        return all(
            not earliest <= clock.time_of(timestamp) <= self._newest + _JUMP_FORWARD_MS
            for clock in self._clocks
        )

    def _note(self, kind: str, time: int) -> int:
        last = self._last.get(kind)
        if last is None or time > last:
            if last is not None and time - last <= _LONGEST_STEP_MS:
                self._step[kind] = time - last
            self._last[kind] = time
            self._newest = max(self._newest, time)
        return time
