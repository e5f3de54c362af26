"""Jobs of live streams."""

import logging
from uuid import UUID

from procrastinate.contrib.django import app

from livestream.models import Stream
from livestream.services import announcements, broadcasts, reactions, replays, rooms

logger = logging.getLogger(__name__)


@app.task(name="livestream.announce")
def announce(*, stream_id: str) -> None:
    """Tell followers and neighbours that a stream is live."""
    announcements.announce(stream_id=UUID(stream_id))


@app.task(name="livestream.cut_publisher", retry=3)
def cut_publisher(*, public_id: str) -> None:
    """Have the media server end a broadcast."""
    broadcasts.cut(public_id=public_id)


@app.task(name="livestream.make_replay")
def make_replay(*, stream_id: str) -> None:
    """Make the replay of an ended stream."""
    replays.make_replay(stream_id=UUID(stream_id))


@app.task(name="livestream.delete_recordings")
def delete_recordings(*, stream_id: str) -> None:
    """Leave nothing of a stream that was not to be recorded."""
    replays.delete_recordings(stream_id=UUID(stream_id))


@app.periodic(cron="* * * * * */5")
@app.task(name="livestream.look_after_rooms", queueing_lock="livestream.look_after_rooms")
def look_after_rooms(timestamp: int) -> None:
    """Count and tell the viewers of each live stream, sample the curve, write the reactions down."""
    for stream_id in Stream.objects.live().values_list("pk", flat=True):
        try:
            rooms.look_around(stream_id=stream_id)
            reactions.write_down(stream_id=stream_id)
        except Exception:
            # One stream's trouble must not keep the others waiting.
            logger.exception("stream %s was not looked after", stream_id)
    rooms.close_forgotten_sessions()


@app.periodic(cron="* * * * * */10")
@app.task(name="livestream.reconcile", queueing_lock="livestream.reconcile")
def reconcile(timestamp: int) -> None:
    """Compare our streams with the media server's, end the abandoned ones, go on with replays."""
    broadcasts.reconcile()
    replays.take_up_replays()


@app.periodic(cron="41 * * * *")
@app.task(name="livestream.sweep_recordings", queueing_lock="livestream.sweep_recordings")
def sweep_recordings(timestamp: int) -> None:
    """Delete the recordings that nobody needs any more."""
    replays.sweep_recordings()
