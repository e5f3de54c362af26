"""Background jobs of live streams; each calls one service."""

from uuid import UUID

from procrastinate.contrib.django import app

from livestream.services import (
    announcements,
    broadcasts,
    clips,
    replays,
    room_sweeps,
    schedules,
    withdrawn_replays,
)
from soukloop.core.jobs.retries import task

# `aliases` are the names of tasks in earlier versions, whose jobs may still be in the queue.


@task("livestream.announce_stream", aliases=["livestream.announce"])
def announce_stream(*, stream_id: str) -> None:
    """Notify followers and neighbours that a stream is live."""
    announcements.announce_stream(stream_id=UUID(stream_id))


@task("livestream.announce_schedule")
def announce_schedule(*, stream_id: str) -> None:
    """Notify followers of the time for which a stream is scheduled."""
    schedules.announce_schedule(stream_id=UUID(stream_id))


@task("livestream.drop_publisher", aliases=["livestream.cut_publisher"])
def drop_publisher(*, public_id: str) -> None:
    """Disconnect the encoder of a stream that has ended, or whose key was replaced."""
    broadcasts.drop_publisher(public_id=public_id)


@task("livestream.make_replay")
def make_replay(*, stream_id: str) -> None:
    """Make the replay of an ended stream."""
    replays.make_replay(stream_id=UUID(stream_id))


@task("livestream.make_clip")
def make_clip(*, clip_id: str) -> None:
    """Cut a clip out of a stream's recordings or of its replay."""
    clips.make_clip(clip_id=UUID(clip_id))


@task("livestream.delete_clip_files")
def delete_clip_files(*, public_id: str, clip_id: str) -> None:
    """Delete the files of a deleted clip."""
    clips.delete_clip_files(public_id=public_id, clip_id=UUID(clip_id))


@task("livestream.hide_replay")
def hide_replay(*, stream_id: str) -> None:
    """Move the files of a withdrawn replay out of viewers' reach."""
    withdrawn_replays.hide_replay(stream_id=UUID(stream_id))


@task("livestream.delete_recordings")
def delete_recordings(*, stream_id: str) -> None:
    """Delete the recordings of an ended stream that isn't to be recorded."""
    replays.delete_recordings(stream_id=UUID(stream_id))


@app.periodic(cron="* * * * * */5")
@task(
    "livestream.sweep_rooms",
    aliases=["livestream.look_after_rooms"],
    queueing_lock="livestream.sweep_rooms",
)
def sweep_rooms(timestamp: int) -> None:
    """Update the viewers and reactions of every live stream, and close the sessions of lost connections."""
    room_sweeps.sweep_rooms()


@app.periodic(cron="* * * * * */10")
@task(
    "livestream.reconcile_publishers",
    aliases=["livestream.reconcile"],
    queueing_lock="livestream.reconcile_publishers",
)
def reconcile_publishers(timestamp: int) -> None:
    """Correct the publisher connections by the media server's, and end abandoned streams."""
    broadcasts.reconcile_publishers()


@app.periodic(cron="* * * * * */10")
@task("livestream.resume_pending_replays", queueing_lock="livestream.resume_pending_replays")
def resume_pending_replays(timestamp: int) -> None:
    """Enqueue the unfinished replays and clips whose job was lost."""
    replays.resume_pending_replays()
    clips.resume_pending_clips()


@app.periodic(cron="41 * * * *")
@task("livestream.sweep_recordings", queueing_lock="livestream.sweep_recordings")
def sweep_recordings(timestamp: int) -> None:
    """Delete the recordings that no stream or replay needs."""
    replays.sweep_recordings()


@app.periodic(cron="42 * * * *")
@task("livestream.sweep_withdrawn_replays", queueing_lock="livestream.sweep_withdrawn_replays")
def sweep_withdrawn_replays(timestamp: int) -> None:
    """Withdraw the replays that should have been, and delete the files of those withdrawn long ago."""
    withdrawn_replays.withdraw_missed_replays()
    withdrawn_replays.withdraw_deleted_streams()
    withdrawn_replays.delete_withdrawn_files()


@app.periodic(cron="43 * * * *")
@task("livestream.delete_old_announcements", queueing_lock="livestream.delete_old_announcements")
def delete_old_announcements(timestamp: int) -> None:
    """Delete the lists of people who were notified of streams, once no limit needs them."""
    announcements.delete_old_announcements()
