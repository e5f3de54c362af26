"""One flawless broadcast of what an encoder sent: no jumps of time, picture and sound throughout.

Tags go in as they were recorded, while they arrive or from a file; the result is the same. Memory is
bounded: at most two seconds of frames wait for the other track.
"""

from collections import Counter, deque
from dataclasses import replace

from .clock import RepairedClock
from .codecs import AudioConfig, VideoConfig
from .fillers import BLACK_VIDEO, SILENT_AUDIO
from .incoming import AudioFrame, Incoming, VideoFrame
from .picture import PictureTrack
from .sections import Frame, Output, Section
from .sound import SoundTrack
from .tags import Tag

__all__ = ["Frame", "Repair", "Section"]

PICTURE_EXPECTED_MS = 1500  # after sound began
SOUND_EXPECTED_MS = 1000  # after the picture began
PICTURE_MISSING_MS = 2000  # of sound without a picture
SOUND_MISSING_MS = 500  # of pictures without sound
_KEYFRAME_WAIT_MS = 10_000  # new sound waits this long for a keyframe, at which it can begin
_MERGE_MS = 500  # sound waits this long for pictures that were sent later
_LONGEST_SOUND_WAIT_MS = 2000
_LONGEST_PICTURE_WAIT_MS = 5000
_SHORTEST_SECTION_MS = 1000
_MOST_WAITING_FRAMES = 4096
_MOST_WAITING_BYTES = 32 * 1024 * 1024


class Repair:
    """Repairs a recording: feed it every tag, and finish.

    `start`: where the repaired timeline begins, in ms. `from_keyframe`: what comes before the first keyframe
    belongs to an earlier reader and is left out.
    """

    def __init__(self, *, first_section: int = 0, start: int = 0, from_keyframe: bool = False) -> None:
        self.problems: Counter[str] = Counter()
        self._start, self._next_number, self._from_keyframe = start, first_section, from_keyframe
        self._incoming = Incoming(self.problems)
        self._clock = RepairedClock()
        self._video: deque[VideoFrame] = deque()
        self._audio: deque[AudioFrame] = deque()
        self._waiting_bytes = 0
        self._newest_video = self._newest_audio = 0
        self._section: Section | None = None
        self._newest_sound_offset = 0
        self._out: Output = []
        self._is_finishing = False
        self._section_wanted = False
        self._picture = PictureTrack(self._out)
        self._picture_is_missing = False
        self._picture_wait = PICTURE_MISSING_MS
        self._sound = SoundTrack(self._out)
        self._sound_source: AudioConfig | None = None  # what the encoder sends in this section
        self._sound_is_missing = False
        self._sound_wait = SOUND_MISSING_MS
        self._new_sound_since: int | None = None

    def feed(self, tag: Tag) -> Output:
        """Take the next tag; return the sections and frames that are complete by it."""
        frame = self._incoming.frame_of(tag)
        if frame is None:
            return []
        self._enqueue(frame, tag)
        if self._section is None and not self._begin():
            return []
        self._drain()
        return self._take_out()

    def finish(self) -> Output:
        """Return what was still waiting; there are no more tags."""
        self._is_finishing = True
        if self._section is not None or self._begin():
            self._drain()
            self._let_picture_last()
        return self._take_out()

    def _let_picture_last(self) -> None:
        """Write a standing picture at the end of sound that goes on after the last one.

        The last picture of a file has no length, so the picture would be that much shorter than the sound.
        """
        assert self._section is not None
        end = self._sound.end - 1
        if self._section.video.unsupported:
            return
        if end - self._picture.last > _MERGE_MS:
            self._picture.stand(end, self._newest_sound_offset)

    def _take_out(self) -> Output:
        out = self._out.copy()
        self._out.clear()
        return out

    # Waiting frames

    def _enqueue(self, frame: VideoFrame | AudioFrame, tag: Tag) -> None:
        if isinstance(frame, VideoFrame):
            if self._section is None and not self._video and not frame.is_key:
                self.problems["frames_without_keyframe"] += 1
                return
            frame.dts, frame.has_jumped = self._clock.place_video(tag.timestamp)
            self._newest_video = max(self._newest_video, frame.dts) if self._video else frame.dts
            self._video.append(frame)
        else:
            frame.dts, frame.has_jumped = self._clock.place_audio(tag.timestamp, frame.milliseconds)
            self._newest_audio = max(self._newest_audio, frame.dts) if self._audio else frame.dts
            self._audio.append(frame)
        if frame.has_jumped:
            self.problems["clock_jumped"] += 1
        self._waiting_bytes += len(frame.data)

    @property
    def _is_full(self) -> bool:
        return (
            self._waiting_bytes > _MOST_WAITING_BYTES
            or len(self._video) + len(self._audio) > _MOST_WAITING_FRAMES
        )

    def _drain(self) -> None:
        """Pass on waiting frames in the order of their times, as far as it is known."""
        video, audio = self._video, self._audio
        while True:
            if video and (not audio or video[0].dts <= audio[0].dts):
                if not audio and not self._may_pass_sound():
                    return
                picture = video.popleft()
                self._waiting_bytes -= len(picture.data)
                self._accept_video(picture)
            elif audio:
                if not video and not self._may_pass_picture():
                    return
                sound = audio.popleft()
                self._waiting_bytes -= len(sound.data)
                self._accept_audio(sound)
            else:
                return

    def _may_pass_sound(self) -> bool:
        """Return whether pictures go on although the sound until then hasn't come."""
        if self._sound_is_missing or self._is_finishing:
            return True
        if self._newest_video - self._sound.end > self._sound_wait:
            self._sound_is_missing = True
            self.problems["sound_missing"] += 1
            return True
        return self._is_full

    def _may_pass_picture(self) -> bool:
        return (
            self._picture_is_missing
            or self._is_finishing
            or self._newest_audio - self._picture.last > _MERGE_MS
            or self._is_full
        )

    # Sections

    def _begin(self) -> bool:
        """Open the first section once both tracks are there, or one has waited long enough for the other."""
        video, audio = self._video, self._audio
        if not video and not audio:
            return False
        if video and audio:
            pass
        elif not (self._is_finishing or self._is_full):
            waited = (
                self._newest_video - video[0].dts - SOUND_EXPECTED_MS
                if video
                else self._newest_audio - audio[0].dts - PICTURE_EXPECTED_MS
            )
            if waited < 0 and not (video and video[0].config.unsupported):
                return False
        if video and self._from_keyframe:
            while audio and audio[0].dts < video[0].dts:
                self._waiting_bytes -= len(audio.popleft().data)
        first = min(queue[0].dts for queue in (video, audio) if queue)
        shift = self._start - first
        self._clock.shift(shift)
        for picture in video:
            picture.dts += shift
        for sound in audio:
            sound.dts += shift
        self._newest_video += shift
        self._newest_audio += shift
        if video and video[0].dts - self._start <= _MERGE_MS:
            offset = min(queue[0].offset for queue in (video, audio) if queue)
            self._open(video[0].config, self._start, offset, self._next_sound())
        elif video:  # the first picture comes late: it stands from the beginning on
            self._picture.remember(video[0])
            self._open(video[0].config, self._start, audio[0].offset, self._next_sound())
            if not video[0].config.unsupported:
                self._picture.stand(self._start, audio[0].offset)
        else:
            self._open(BLACK_VIDEO, self._start, audio[0].offset, self._next_sound())
        return True

    def _next_sound(self) -> AudioConfig | None:
        return self._audio[0].config if self._audio else self._incoming.audio

    def _open(self, video: VideoConfig, start: int, offset: int, source: AudioConfig | None) -> None:
        """Begin a section with the sound that the encoder sends from here on."""
        has_sound = source is not None and not source.unsupported
        audio = source if source is not None and has_sound else SILENT_AUDIO
        if source is not None and source.unsupported:
            audio = replace(SILENT_AUDIO, unsupported=source.unsupported)
        is_black = video is BLACK_VIDEO
        self._section = Section(self._next_number, video, audio, not is_black, has_sound, start, offset)
        self._next_number += 1
        self._out.append(self._section)
        self._sound_source = source
        self._sound.begin_section(audio, start, offset)
        self._sound_is_missing = not has_sound or not self._sound.can_fill or bool(video.unsupported)
        self._new_sound_since = None
        self._section_wanted = False
        self._picture.begin_section(video, start)
        self._picture_is_missing = is_black or bool(video.unsupported)

    # Pictures

    def _accept_video(self, frame: VideoFrame) -> None:
        section = self._section
        assert section is not None
        if frame.has_jumped:
            self._want_section(frame.dts)
        if frame.config is not section.video and frame.config != section.video:
            if not frame.is_key:
                self.problems["frames_without_keyframe"] += 1
                return
            self._section_wanted = True
        if section.video.unsupported and not self._section_wanted:
            return
        if self._is_late_picture(frame):
            self.problems["late_pictures"] += 1
            return
        if frame.is_key:
            self._picture.remember(frame)
        elif self._picture.needs_keyframe:
            self.problems["frames_without_keyframe"] += 1
            self._sound.fill(frame.dts)
            return
        offset = frame.offset
        if frame.is_key:
            if self._audio:
                offset = min(offset, self._audio[0].offset)
            if self._section_wanted:
                self._open_at_keyframe(frame, offset)
                if frame.config.unsupported:
                    return
        self._picture_is_missing = False
        dts = self._picture.write(frame, offset)
        if self._sound_is_missing:
            self._sound.fill(dts)

    def _open_at_keyframe(self, frame: VideoFrame, offset: int) -> None:
        assert self._section is not None
        start = max(frame.dts, self._picture.last + 1)
        if not self._section.video.unsupported:
            self._sound.fill(start)
        self._open(frame.config, start, offset, self._next_sound())

    def _is_late_picture(self, frame: VideoFrame) -> bool:
        """Return whether another has taken a picture's place; wait longer for pictures from now on."""
        assert self._section is not None
        if not (self._picture_is_missing and self._section.has_picture and frame.dts <= self._picture.last):
            return False
        late = self._picture.last - frame.dts
        self._picture_wait = min(PICTURE_MISSING_MS + late + 100, _LONGEST_PICTURE_WAIT_MS)
        self._picture_is_missing = False
        return True

    def _fill_picture(self, now: int, offset: int) -> None:
        if not self._picture_is_missing and now - self._picture.last > self._picture_wait:
            self._picture_is_missing = True
            self.problems["picture_missing"] += 1
        if self._picture_is_missing:
            self._picture.fill(now, offset)

    # Sound

    def _accept_audio(self, frame: AudioFrame) -> None:
        section = self._section
        assert section is not None
        if frame.has_jumped:
            self._want_section(frame.dts)
        if section.video.unsupported:
            return
        is_new = frame.config is not self._sound_source and frame.config != self._sound_source
        has_waited_long = False
        if is_new:
            self._section_wanted = True
            self._new_sound_since = self._new_sound_since or frame.dts
            has_waited_long = frame.dts - self._new_sound_since > _KEYFRAME_WAIT_MS
        if self._section_wanted and (self._picture_is_missing or has_waited_long):
            self._open_without_picture(frame)
            is_new = False
        if is_new or frame.config.unsupported:
            self._sound.fill(frame.dts)
            self._fill_picture(frame.dts, frame.offset)
            return
        if self._is_late_sound(frame):
            self.problems["late_sound"] += 1
            return
        self._newest_sound_offset = frame.offset
        gap = frame.dts - self._sound.end
        if gap > SOUND_MISSING_MS or self._sound_is_missing:
            self._sound.fill(frame.dts)
        self._sound_is_missing = not self._sound.can_fill
        self._fill_picture(self._sound.write(frame), frame.offset)

    def _open_without_picture(self, frame: AudioFrame) -> None:
        """Begin a section at sound, with the last keyframe or a black picture."""
        section = self._section
        assert section is not None
        start = max(frame.dts, self._picture.last + 1)
        self._sound.fill(start)
        self._open(section.video, start, frame.offset, frame.config)
        self._picture.stand(start, frame.offset)
        self._picture_is_missing = True

    def _is_late_sound(self, frame: AudioFrame) -> bool:
        """Return whether silence has taken a frame's place; wait longer for sound from now on."""
        assert self._section is not None
        if self._sound.silence_overlaps(frame):
            late = self._sound.end - frame.dts
            self._sound_wait = min(
                max(self._sound_wait, SOUND_MISSING_MS + late + 100), _LONGEST_SOUND_WAIT_MS
            )
            self._sound_is_missing = False
            return True
        return frame.dts < self._section.start

    def _want_section(self, now: int) -> None:
        """Begin a section at the next keyframe, unless the clock jumps all the time."""
        section = self._section
        assert section is not None
        if not section.video.unsupported and now - section.start >= _SHORTEST_SECTION_MS:
            self._section_wanted = True
