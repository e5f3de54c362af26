"""Making replays: an MP4, HLS segments and a poster from the recordings, in resumable steps."""

import logging
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.core.files import File
from django.db import transaction
from django.db.models.functions import Now

from livestream import events
from livestream.media import addresses, ffmpeg, recordings
from livestream.media.server import MediaServerBadResponse, MediaServerUnavailable, media_server
from livestream.models import Replay, Stream
from notifications.services import notify
from soukloop.core.db.clock import database_now
from soukloop.core.jobs.queue import enqueue, is_job_pending

logger = logging.getLogger(__name__)

ATTEMPTS_MAX = 5
_RECORDING_TIMEOUT = timedelta(minutes=2)  # after the stream's end; then the replay is empty
_RETRY_AFTER = timedelta(seconds=20)
_CONTENT_TYPES = {
    ".m3u8": "application/vnd.apple.mpegurl",
    ".ts": "video/mp2t",
    ".mp4": "video/mp4",
    ".jpg": "image/jpeg",
}


class FinishedFile(File[bytes]):
    """A local file that Django's file system storage moves instead of copying."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.open("rb"), name=path.name)
        self.path = path
        self.content_type = _CONTENT_TYPES[path.suffix]

    def temporary_file_path(self) -> str:
        return str(self.path)


def enqueue_replay(stream: Stream) -> None:
    """Enqueue the job that makes a stream's replay; only one such job runs at a time for each stream."""
    enqueue("livestream.make_replay", lock=_job_lock(stream), stream_id=str(stream.pk))


def _job_lock(stream: Stream) -> str:
    return f"livestream.replay:{stream.pk}"


def resume_pending_replays() -> None:
    """Enqueue the unfinished replays whose job, or whose callback of the media server, was lost.

    A replay whose job waits or runs is left alone, however long it takes.
    """
    pending = Replay.objects.filter(
        state__in=[Replay.State.WAITING, Replay.State.PROCESSING],
        stream__status=Stream.Status.ENDED,
        updated_at__lt=Now() - _RETRY_AFTER,
    )
    for replay in pending.select_related("stream"):
        with transaction.atomic():
            if not is_job_pending(lock=_job_lock(replay.stream)):
                replay.save(update_fields=["updated_at"])
                enqueue_replay(replay.stream)


def make_replay(*, stream_id: UUID) -> Replay | None:
    """Run the remaining steps of an ended stream's replay; return None while its recording is incomplete.

    Completed steps are saved and not repeated when the job runs again.
    """
    replay = Replay.objects.select_related("stream").filter(stream=stream_id).first()
    if replay is None or replay.stream.status != Stream.Status.ENDED:
        return None
    if replay.state not in (Replay.State.WAITING, Replay.State.PROCESSING):
        return replay
    if replay.step == "":
        if _is_being_recorded(replay.stream):
            return None
        if not recordings.of_stream(replay.stream.public_id):
            if not _may_still_be_recorded(replay.stream):
                Replay.objects.filter(pk=replay.pk).update(state=Replay.State.EMPTY, progress=100)
            return None
    replay.attempts += 1
    replay.state = Replay.State.PROCESSING
    replay.save(update_fields=["attempts", "state", "updated_at"])
    try:
        _run_steps(replay)
    except (ffmpeg.FfmpegError, OSError) as error:
        logger.error("replay of %s, attempt %s: %s", replay.stream.public_id, replay.attempts, error)
        replay.error = str(error)[:2000]
        replay.state = Replay.State.FAILED if replay.attempts >= ATTEMPTS_MAX else Replay.State.WAITING
        replay.save(update_fields=["state", "error", "updated_at"])
    return replay


def delete_recordings(*, stream_id: UUID) -> None:
    """Delete the recordings of a stream that isn't to be recorded."""
    stream = Stream.objects.filter(pk=stream_id, record_stream=False).first()
    if stream is not None:
        recordings.delete(stream.public_id)


def sweep_recordings() -> int:
    """Delete the recordings that no live stream and no pending or failed replay needs; return how many."""
    by_stream: dict[str, list[Path]] = {}
    for path in recordings.folder().glob("*.flv"):
        by_stream.setdefault(recordings.public_id_of(path.name) or "", []).append(path)
    needed = set(
        Stream.objects.filter(
            public_id__in=by_stream,
            record_stream=True,
            replay__state__in=[Replay.State.WAITING, Replay.State.PROCESSING, Replay.State.FAILED],
        ).values_list("public_id", flat=True)
    ) | set(Stream.objects.live().filter(public_id__in=by_stream).values_list("public_id", flat=True))
    unneeded = [path for public_id, paths in by_stream.items() if public_id not in needed for path in paths]
    for path in unneeded:
        path.unlink(missing_ok=True)
    return len(unneeded)


def _is_being_recorded(stream: Stream) -> bool:
    """Return whether the media server is still writing a recording; True if its response is invalid."""
    try:
        return stream.public_id in media_server.recordings()
    except MediaServerUnavailable:
        return False
    except MediaServerBadResponse as error:
        logger.error("reading the media server's recordings failed: %s", error)
        return True


def _may_still_be_recorded(stream: Stream) -> bool:
    """Return whether a stream without a recording had an encoder and ended within _RECORDING_TIMEOUT."""
    was_published = stream.publisher_connections.exists()
    return was_published and not (stream.ended_at and database_now() - stream.ended_at > _RECORDING_TIMEOUT)


def _run_steps(replay: Replay) -> None:
    folder = Path(settings.MEDIA_ROOT) / "work" / replay.stream.public_id
    folder.mkdir(parents=True, exist_ok=True)
    # The steps, each with the progress in percent after it.
    steps: list[tuple[Replay.Step, int, Callable[[Replay, Path], None]]] = [
        (Replay.Step.JOIN, 40, _join_recordings),
        (Replay.Step.SEGMENT, 60, _create_segments),
        (Replay.Step.POSTER, 70, _create_poster),
        (Replay.Step.PUBLISH, 100, _upload_files),
    ]
    names = [step for step, _, _ in steps]
    first = names.index(Replay.Step(replay.step)) + 1 if replay.step else 0
    for step, progress, run in steps[first:]:
        run(replay, folder)
        if replay.state == Replay.State.EMPTY:
            break
        replay.step, replay.progress = step, progress
        replay.save()
    _finish_replay(replay)
    shutil.rmtree(folder, ignore_errors=True)
    recordings.delete(replay.stream.public_id)


def _join_recordings(replay: Replay, folder: Path) -> None:
    """Join the recordings to one MP4, and save the start and length of each."""
    usable: list[Path] = []
    parts = []
    for number, recording in enumerate(recordings.of_stream(replay.stream.public_id)):
        part = folder / f"part-{number}.mp4"
        try:
            ffmpeg.remux(recording, part)
            seconds = ffmpeg.probe(part).seconds
        except ffmpeg.FfmpegError as error:
            logger.warning("recording %s is unusable: %s", recording.name, error)
            continue
        usable.append(part)
        # The media server writes each frame as it arrives, so the file was modified at its last frame.
        parts.append({"startedAt": round(recording.stat().st_mtime - seconds, 3), "seconds": seconds})
    if not usable:
        replay.state = Replay.State.EMPTY
        return
    video = folder / "video.mp4"
    if len(usable) == 1:
        usable[0].replace(video)
    else:
        ffmpeg.join(usable, video)
    replay.parts = parts
    replay.duration_seconds = ffmpeg.probe(video).seconds


def _create_segments(replay: Replay, folder: Path) -> None:
    ffmpeg.segment(folder / "video.mp4", folder / "hls", prefix=f"{replay.stream.public_id}/")


def _create_poster(replay: Replay, folder: Path) -> None:
    video = folder / "video.mp4"
    if ffmpeg.probe(video).has_video:
        ffmpeg.save_poster(video, folder / "poster.jpg", at=min(3.0, (replay.duration_seconds or 0) / 2))
        replay.has_poster = True


def _upload_files(replay: Replay, folder: Path) -> None:
    """Save the files to the storage, the playlist last, so that everything it lists can be fetched.

    Local storage moves the files, so a job that resumes saves only the remaining ones.
    """
    public_id = replay.stream.public_id
    files = [(path, f"{public_id}/{path.name}") for path in sorted((folder / "hls").glob("*.ts"))]
    files += [
        (folder / "video.mp4", addresses.mp4_name(public_id)),
        (folder / "poster.jpg", addresses.poster_name(public_id)),
        (folder / "hls" / "index.m3u8", addresses.playlist_name(public_id)),
    ]
    storage = addresses.replay_storage()
    for path, name in files:
        if path.exists():
            with FinishedFile(path) as content:
                storage.save(name, content)


@transaction.atomic
def _finish_replay(replay: Replay) -> None:
    if replay.state != Replay.State.EMPTY:
        replay.state = Replay.State.READY
    replay.progress, replay.error = 100, ""
    replay.save()
    stream = replay.stream
    if replay.state == Replay.State.EMPTY:
        return
    events.publish_replay_ready(stream, state=replay.state, vod_url=addresses.vod_url(stream.public_id))
    notify(
        user_ids=[stream.seller_id],
        kind="replay_ready",
        title="Your replay is ready",
        body=stream.title,
        data={"streamId": str(stream.pk)},
        collapse_key=f"replay:{stream.pk}",
    )
