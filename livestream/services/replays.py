"""Making replays: the states, attempts and failures of the job that runs the steps."""

import logging
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from livestream.media import ffmpeg, recordings, replay_files
from livestream.media.server import MediaServerBadResponse, MediaServerUnavailable, media_server
from livestream.models import Replay, Stream
from livestream.notification_kinds import REPLAY_FAILED
from livestream.services import replay_steps
from livestream.services.replay_steps import (
    VIDEO_HAS_ERRORS,
    ReplayWithdrawn,
    UnusableRecordings,
    VideoHasErrors,
    save_progress,
)
from livestream.services.withdrawn_replays import hide_replay, job_lock
from notifications.services.notify import notify
from soukloop.core.db.clock import database_now
from soukloop.core.jobs.queue import enqueue, is_job_pending
from soukloop.core.jobs.retries import is_temporary

logger = logging.getLogger(__name__)

ATTEMPTS_MAX = 5  # of a replay that fails by itself
INTERRUPTED_ATTEMPTS_MAX = 150  # of one without space, or whose storage fails: a day
_RECORDING_TIMEOUT = timedelta(minutes=2)  # after the stream's end; then there is no recording
_RETRY_AFTER = timedelta(seconds=20)  # doubled after each attempt
_RETRY_AFTER_MAX = timedelta(minutes=10)

# The steps, each with the progress in percent after it.
_STEPS: tuple[tuple[Replay.Step, int, Callable[[Replay, Path], None]], ...] = (
    (Replay.Step.JOIN, 40, replay_steps.join_recordings),
    (Replay.Step.SEGMENT, 60, replay_steps.create_segments),
    (Replay.Step.POSTER, 70, replay_steps.create_poster),
    (Replay.Step.PUBLISH, 100, replay_steps.publish),
    (Replay.Step.CHECK, 100, replay_steps.check_video),
)
_NAMES = [step for step, _, _ in _STEPS]

_UNFINISHED = Q(state__in=[Replay.State.WAITING, Replay.State.PROCESSING]) | Q(
    state=Replay.State.READY, step=Replay.Step.PUBLISH
)


def enqueue_replay(stream: Stream) -> None:
    """Enqueue the job that makes a stream's replay; only one such job runs at a time for each stream."""
    enqueue("livestream.make_replay", lock=job_lock(stream.pk), stream_id=str(stream.pk))


def resume_pending_replays() -> None:
    """Enqueue the unfinished replays whose job, or whose callback of the media server, was lost.

    A replay whose job waits or runs is left alone, however long it takes.
    """
    now = database_now()
    pending = Replay.objects.filter(
        _UNFINISHED, stream__status=Stream.Status.ENDED, updated_at__lt=now - _RETRY_AFTER
    )
    for replay in pending.select_related("stream"):
        with transaction.atomic():
            if _is_due(replay, now) and not is_job_pending(lock=job_lock(replay.pk)):
                # Of two workers the second one waits here, and then finds another time.
                unchanged = Replay.objects.filter(pk=replay.pk, updated_at=replay.updated_at)
                if unchanged.update(updated_at=Now()):
                    enqueue_replay(replay.stream)


def make_replay(*, stream_id: UUID) -> Replay | None:
    """Run the remaining steps of an ended stream's replay; return None while its recording is incomplete.

    Completed steps are saved and not repeated when the job runs again.
    """
    replay = Replay.objects.select_related("stream").filter(stream=stream_id).first()
    if replay is None or replay.stream.status != Stream.Status.ENDED:
        return None
    if replay.state == Replay.State.WITHDRAWN:
        hide_replay(stream_id=replay.pk)
        return replay
    if not Replay.objects.filter(_UNFINISHED, pk=replay.pk).exists():
        return replay
    if replay.step == "" and not _has_all_recordings(replay):
        return None
    try:
        _attempt(replay)
    except ReplayWithdrawn:
        hide_replay(stream_id=replay.pk)
    return replay


def _has_all_recordings(replay: Replay) -> bool:
    """Return whether the recordings are there and closed; if there won't be any, end the replay."""
    stream = replay.stream
    if _is_being_recorded(stream):
        return False
    if recordings.of_stream(stream.public_id):
        return True
    was_published = stream.publisher_connections.exists()
    if was_published and stream.ended_at and database_now() - stream.ended_at <= _RECORDING_TIMEOUT:
        return False
    try:
        if was_published:
            _fail(replay, Replay.Reason.RECORDING_MISSING, "There is no recording of the encoder.")
        else:
            save_progress(replay, state=Replay.State.EMPTY, progress=100)
    except ReplayWithdrawn:
        pass
    return False


def _is_being_recorded(stream: Stream) -> bool:
    """Return whether the media server is still writing a recording; True if its response is invalid."""
    try:
        return stream.public_id in media_server.recordings()
    except MediaServerUnavailable:
        return False
    except MediaServerBadResponse as error:
        logger.error("reading the media server's recordings failed: %s", error)
        return True


def _attempt(replay: Replay) -> None:
    """Run the steps; after an error decide whether to try again. Raises ReplayWithdrawn."""
    is_public = replay.state == Replay.State.READY
    state = Replay.State.READY if is_public else Replay.State.PROCESSING
    save_progress(replay, attempts=replay.attempts + 1, state=state)
    try:
        _run_steps(replay)
    except UnusableRecordings as error:
        if error.reason == Replay.Reason.UNSUPPORTED_CODEC:
            _fail(replay, error.reason, str(error))
        else:
            _retry_or_fail(replay, error, error.reason)
    except VideoHasErrors as error:
        _encode_again_or_fail(replay, error)
    except (ffmpeg.FfmpegError, OSError) as error:
        _retry_or_fail(replay, error, Replay.Reason.PROCESSING_FAILED)
    except Exception as error:
        if isinstance(error, ReplayWithdrawn) or is_temporary(error):  # the job is repeated
            raise
        logger.exception("making the replay of %s failed", replay.stream.public_id)
        _retry_or_fail(replay, error, Replay.Reason.PROCESSING_FAILED)


def _run_steps(replay: Replay) -> None:
    folder = recordings.work_folder(replay.stream.public_id)
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    replay_files.restore(replay.stream.public_id)  # if a withdrawal was lifted
    if replay.step in (Replay.Step.PUBLISH, Replay.Step.CHECK):
        save_progress(replay, state=Replay.State.READY, progress=100)
    elif replay.step and is_new:
        save_progress(replay, step="", progress=0)  # another machine's worker made it
    if not replay.step:
        replay_steps.empty_folder(folder)  # an attempt before may have filled the disk
    done = _NAMES.index(Replay.Step(replay.step)) + 1 if replay.step else 0
    for step, progress, run in _STEPS[done:]:
        run(replay, folder)
        if replay.state == Replay.State.EMPTY:
            break
        save_progress(replay, step=step, progress=progress)
    replay_steps.delete_temporary_files(replay, folder)


def _retry_or_fail(replay: Replay, error: Exception, reason: str) -> None:
    logger.error("replay of %s, attempt %s: %s", replay.stream.public_id, replay.attempts, error)
    is_interruption = isinstance(error, (ffmpeg.FfmpegInterrupted, OSError))
    attempts_max = INTERRUPTED_ATTEMPTS_MAX if is_interruption else ATTEMPTS_MAX
    if replay.state == Replay.State.READY:  # its video is public; only the check failed
        step = Replay.Step.CHECK if replay.attempts >= attempts_max else replay.step
        save_progress(replay, step=step, error=str(error)[:2000])
    elif replay.attempts >= attempts_max:
        _fail(replay, reason, str(error))
    else:
        save_progress(replay, state=Replay.State.WAITING, error=str(error)[:2000])


def _encode_again_or_fail(replay: Replay, error: VideoHasErrors) -> None:
    """Take a video with errors back: the next attempt encodes all of it, and is the last one."""
    message = f"{VIDEO_HAS_ERRORS}{error}"[:2000]
    if error.is_encoded_again:
        _fail(replay, Replay.Reason.PROCESSING_FAILED, message)
        return
    logger.error("replay of %s is made again: %s", replay.stream.public_id, message)
    save_progress(replay, state=Replay.State.WAITING, step="", progress=0, error=message)


@transaction.atomic
def _fail(replay: Replay, reason: str, error: str) -> None:
    """Give up making a replay: its recordings are kept, its seller is notified, and staff see the error."""
    save_progress(replay, state=Replay.State.FAILED, reason=reason, error=error[:2000])
    stream = replay.stream
    shutil.rmtree(recordings.work_folder(stream.public_id), ignore_errors=True)
    logger.error("replay of %s failed (%s): %s", stream.public_id, reason, error)
    notify(
        user_ids=[stream.seller_id],
        kind=REPLAY_FAILED,
        params={"reason": {"label": reason}},
        data={"stream_id": str(stream.pk), "reason": reason},
    )


def _is_due(replay: Replay, now: datetime) -> bool:
    """Return whether it is time for the next attempt."""
    wait = _RETRY_AFTER * 2 ** min(10, max(0, replay.attempts - 1))
    if replay.state == Replay.State.PROCESSING:  # its worker was killed
        wait = _RETRY_AFTER
    return bool(replay.updated_at <= now - min(wait, _RETRY_AFTER_MAX))


def delete_recordings(*, stream_id: UUID) -> None:
    """Delete the recordings of a stream that isn't to be recorded."""
    stream = Stream.objects.filter(pk=stream_id, record_stream=False).first()
    if stream is not None:
        recordings.delete(stream.public_id)


def sweep_recordings() -> int:
    """Delete the recordings that no live stream and no replay needs; return how many.

    Needed are those of replays that are not ready and checked; of withdrawn ones for REPLAY_WITHDRAWN_KEPT.
    """
    by_stream: dict[str, list[Path]] = {}
    for path in recordings.folder().glob("*.flv"):
        by_stream.setdefault(recordings.public_id_of(path.name) or "", []).append(path)
    state = Replay.State
    kept_since = database_now() - settings.REPLAY_WITHDRAWN_KEPT
    is_needed = (
        Q(state__in=[state.WAITING, state.PROCESSING, state.FAILED])
        | Q(state=state.READY, checked_at=None)
        | Q(state=state.WITHDRAWN, withdrawn_at__gt=kept_since)
    )
    needed = set(
        Replay.objects.filter(
            is_needed, stream__public_id__in=by_stream, stream__record_stream=True
        ).values_list("stream__public_id", flat=True)
    ) | set(Stream.objects.live().filter(public_id__in=by_stream).values_list("public_id", flat=True))
    unneeded = [path for public_id, paths in by_stream.items() if public_id not in needed for path in paths]
    for path in unneeded:
        path.unlink(missing_ok=True)
    return len(unneeded)
