"""The replay: recordings become an MP4, HLS and a poster, in steps that a killed job resumes."""

import logging
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.core.files import File
from django.db import transaction
from django.utils import timezone

from livestream import events
from livestream.media import addresses, ffmpeg, recordings
from livestream.media.server import MediaServerAway, MediaServerRefuses, media_server
from livestream.models import Replay, Stream
from livestream.services.streams import enqueue_replay
from notifications.services import notify

logger = logging.getLogger(__name__)

ATTEMPTS_MAX = 5
_GIVEN_UP_AFTER = timedelta(minutes=2)  # no recording has turned up since the stream ended
_RETRY_AFTER = timedelta(seconds=20)
_STUCK_AFTER = timedelta(hours=1)
_CONTENT_TYPES = {
    ".m3u8": "application/vnd.apple.mpegurl",
    ".ts": "video/mp2t",
    ".mp4": "video/mp4",
    ".jpg": "image/jpeg",
}


class FinishedFile(File):
    """A file that a local storage may simply take over."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.open("rb"), name=path.name)
        self.path = path
        self.content_type = _CONTENT_TYPES[path.suffix]

    def temporary_file_path(self) -> str:
        return str(self.path)


def make_replay(*, stream_id: UUID) -> Replay | None:
    """Make what is still missing of an ended stream's replay; None when its recording isn't complete yet.

    What is done is noted after each step, and done again by nobody.
    """
    replay = Replay.objects.select_related("stream").filter(stream=stream_id).first()
    if replay is None or replay.stream.status != Stream.Status.ENDED:
        return None
    if replay.state not in (Replay.State.WAITING, Replay.State.PROCESSING):
        return replay
    if replay.step == "" and not _is_recorded(replay.stream):
        return None
    replay.attempts += 1
    replay.state = Replay.State.PROCESSING
    replay.save(update_fields=["attempts", "state", "updated_at"])
    try:
        _run_steps(replay)
    except (ffmpeg.FfmpegFailed, OSError) as error:
        logger.error("replay of %s, attempt %s: %s", replay.stream.public_id, replay.attempts, error)
        replay.error = str(error)[:2000]
        replay.state = Replay.State.FAILED if replay.attempts >= ATTEMPTS_MAX else Replay.State.WAITING
        replay.save(update_fields=["state", "error", "updated_at"])
    return replay


def take_up_replays() -> None:
    """Have the replays made that nobody is making: the media server's word or a job got lost."""
    now = timezone.now()
    for state, silent_for in (
        (Replay.State.WAITING, _RETRY_AFTER),
        (Replay.State.PROCESSING, _STUCK_AFTER),
    ):
        for replay in Replay.objects.select_related("stream").filter(
            state=state, stream__status=Stream.Status.ENDED, updated_at__lt=now - silent_for
        ):
            with transaction.atomic():
                replay.save(update_fields=["updated_at"])
                enqueue_replay(replay.stream)


def delete_recordings(*, stream_id: UUID) -> None:
    """Leave nothing of a stream that was not to be recorded."""
    stream = Stream.objects.filter(pk=stream_id, record_stream=False).first()
    if stream is not None:
        recordings.delete(stream.public_id)


def sweep_recordings() -> int:
    """Delete the recordings that nobody needs: of no stream, not to be kept, of a finished replay."""
    by_stream: dict[str, list[Path]] = {}
    for path in recordings.folder().glob("*.flv"):
        by_stream.setdefault(recordings.public_id_of(path.name) or "", []).append(path)
    wanted = set(
        Stream.objects.filter(
            public_id__in=by_stream,
            record_stream=True,
            replay__state__in=[Replay.State.WAITING, Replay.State.PROCESSING, Replay.State.FAILED],
        ).values_list("public_id", flat=True)
    ) | set(Stream.objects.live().filter(public_id__in=by_stream).values_list("public_id", flat=True))
    unwanted = [path for public_id, paths in by_stream.items() if public_id not in wanted for path in paths]
    for path in unwanted:
        path.unlink(missing_ok=True)
    return len(unwanted)


def _is_recorded(stream: Stream) -> bool:
    """Tell whether a recording is there and closed; notes it when there will never be one."""
    try:
        if stream.public_id in media_server.recordings():
            return False
    except MediaServerAway:
        pass  # then nobody is writing either
    except MediaServerRefuses as error:
        logger.error("the media server doesn't say what it is recording: %s", error)
        return False
    if recordings.of_stream(stream.public_id):
        return True
    was_published = stream.publisher_connections.exists()
    if not was_published or (stream.ended_at and timezone.now() - stream.ended_at > _GIVEN_UP_AFTER):
        Replay.objects.filter(stream=stream).update(state=Replay.State.EMPTY, progress=100)
    return False


def _run_steps(replay: Replay) -> None:
    folder = Path(settings.MEDIA_ROOT) / "work" / replay.stream.public_id
    folder.mkdir(parents=True, exist_ok=True)
    steps: list[tuple[Replay.Step, int, Callable[[Replay, Path], None]]] = [
        (Replay.Step.JOIN, 40, _join),
        (Replay.Step.SEGMENT, 60, _segment),
        (Replay.Step.POSTER, 70, _poster),
        (Replay.Step.PUBLISH, 100, _publish),
    ]
    done = [name for name, _, _ in steps]
    for name, progress, run in steps[done.index(Replay.Step(replay.step)) + 1 if replay.step else 0 :]:
        run(replay, folder)
        if replay.state == Replay.State.EMPTY:
            break
        replay.step, replay.progress = name, progress
        replay.save()
    _finish(replay)
    shutil.rmtree(folder, ignore_errors=True)
    recordings.delete(replay.stream.public_id)


def _join(replay: Replay, folder: Path) -> None:
    """Make one MP4 of the encoder's stays, and note where each lies on the clock on the wall."""
    whole: list[Path] = []
    parts = []
    for number, recording in enumerate(recordings.of_stream(replay.stream.public_id)):
        part = folder / f"part-{number}.mp4"
        try:
            ffmpeg.remux(recording, part)
            seconds = ffmpeg.probe(part).seconds
        except ffmpeg.FfmpegFailed as error:
            logger.warning("%s can't be used: %s", recording.name, error)
            continue
        whole.append(part)
        # The media server writes each frame as it comes: the last write is the end of the last frame.
        parts.append({"startedAt": round(recording.stat().st_mtime - seconds, 3), "seconds": seconds})
    if not whole:
        replay.state = Replay.State.EMPTY
        return
    video = folder / "video.mp4"
    if len(whole) == 1:
        whole[0].replace(video)
    else:
        ffmpeg.join(whole, video)
    replay.parts = parts
    replay.duration_seconds = ffmpeg.probe(video).seconds


def _segment(replay: Replay, folder: Path) -> None:
    ffmpeg.segment(folder / "video.mp4", folder / "hls", prefix=f"{replay.stream.public_id}/")


def _poster(replay: Replay, folder: Path) -> None:
    video = folder / "video.mp4"
    if ffmpeg.probe(video).has_video:
        ffmpeg.poster(video, folder / "poster.jpg", at=min(3.0, (replay.duration_seconds or 0) / 2))
        replay.has_poster = True


def _publish(replay: Replay, folder: Path) -> None:
    """Hand the files to the storage, the playlist last: who can read it finds all that it names.

    A local storage takes them over, so after a kill only what is left is handed over.
    """
    public_id = replay.stream.public_id
    named = [(path, f"{public_id}/{path.name}") for path in sorted((folder / "hls").glob("*.ts"))]
    named += [
        (folder / "video.mp4", addresses.mp4_name(public_id)),
        (folder / "poster.jpg", addresses.poster_name(public_id)),
        (folder / "hls" / "index.m3u8", addresses.playlist_name(public_id)),
    ]
    storage = addresses.replay_storage()
    for path, name in named:
        if path.exists():
            with FinishedFile(path) as content:
                storage.save(name, content)


@transaction.atomic
def _finish(replay: Replay) -> None:
    if replay.state != Replay.State.EMPTY:
        replay.state = Replay.State.READY
    replay.progress, replay.error = 100, ""
    replay.save()
    stream = replay.stream
    if replay.state == Replay.State.EMPTY:
        return
    events.replay_ready(stream, state=replay.state, vod_url=addresses.vod_url(stream.public_id))
    notify(
        user_ids=[stream.seller_id],
        kind="replay_ready",
        title="Your replay is ready",
        body=stream.title,
        data={"streamId": str(stream.pk)},
        collapse_key=f"replay:{stream.pk}",
    )
