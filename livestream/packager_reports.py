"""What the packager finds out about encoders, passed on to services by a thread of its own."""

import logging
import shutil
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from redis.exceptions import RedisError

from livestream import metrics
from livestream.media import recordings
from livestream.media.flv.tags import NotFlv, Tag, sequence_headers_before
from livestream.media.health import Health, HealthMeter, HealthWarning
from livestream.media.server import MediaServerBadResponse, MediaServerUnavailable, media_server
from livestream.services import health
from soukloop.core.db.release import release_connection

logger = logging.getLogger(__name__)

MEASURED_EVERY = 2.0  # seconds
_FORGOTTEN_AFTER = 25.0  # seconds without a message: the media server has closed the connection
_TICK = 0.2


@dataclass
class _Connection:
    """One encoder's connection, known by its recording."""

    public_id: str
    meter: HealthMeter
    last_at: float
    end: int = 0  # in the recording, of the newest message
    is_refused: bool = False


@dataclass
class PackagerReports:
    """Collects in the packager's event loop, and reports in a thread, which may wait for PostgreSQL.

    What could not be reported is reported later: the first segment of a connection until it succeeds, health
    by the next measurement.
    """

    _connections: dict[str, _Connection] = field(default_factory=dict)
    _first_segments: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _is_over: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="packager-reports", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Report what is left, and end the thread."""
        self._is_over.set()
        self._thread.join(timeout=5)

    def on_tag(self, public_id: str, recording: str, tag: Tag, at: float) -> None:
        """Count a message of an encoder; `at` is Unix time."""
        with self._lock:
            known = self._connections.get(recording)
            if known is None:
                known = self._connections[recording] = _Connection(public_id, HealthMeter(at), at)
                for header in _headers_before(recording, tag):
                    known.meter.feed(header, at)
            if tag.end <= known.end:
                return  # it was read before: packaging began again further back
            known.last_at, known.end = at, tag.end
            known.meter.feed(tag, at)

    def on_first_segment(self, public_id: str) -> None:
        """Note that the first segment of the newest connection of a stream can be fetched."""
        with self._lock:
            self._first_segments.add(public_id)

    def _run(self) -> None:
        measured_at = 0.0
        while True:
            is_last = self._is_over.wait(_TICK)
            try:
                self._report_first_segments()
                if time.monotonic() - measured_at >= MEASURED_EVERY:
                    measured_at = time.monotonic()
                    self._report_health()
            except (DatabaseError, InterfaceError, RedisError) as error:
                logger.warning("reporting about encoders failed and is repeated: %s", error)
            except Exception:
                logger.exception("reporting about encoders failed and is repeated")
            finally:
                release_connection()
            if is_last:
                return

    def _report_first_segments(self) -> None:
        with self._lock:
            waiting = set(self._first_segments)
        for public_id in waiting:
            health.report_first_segment(public_id=public_id)
            with self._lock:
                self._first_segments.discard(public_id)

    def _report_health(self) -> None:
        now = time.time()
        is_full = shutil.disk_usage(settings.MEDIA_ROOT).free < settings.DISK_FREE_MIN_BYTES
        with self._lock:
            for name, connection in list(self._connections.items()):
                if now - connection.last_at > _FORGOTTEN_AFTER:
                    del self._connections[name]
            newest = {each.public_id: each for each in self._connections.values()}
            measured = {
                public_id: connection.meter.measure(
                    now, extra_warnings=[HealthWarning.STORAGE_FULL] if is_full else []
                )
                for public_id, connection in newest.items()
            }
        for public_id in self._unrecordable(measured):
            warnings = [one for one in measured[public_id].warnings if one != HealthWarning.NO_PICTURE]
            measured[public_id] = measured[public_id]._replace(
                warnings=(HealthWarning.UNSUPPORTED_CODEC, *warnings)
            )
        metrics.BROADCASTS.set(len(measured))
        warned = Counter(warning for measurement in measured.values() for warning in measurement.warnings)
        for warning in HealthWarning:
            metrics.WARNINGS.labels(warning.value).set(warned[warning])
        for public_id, measurement in measured.items():
            health.report_health(public_id=public_id, health=measurement)
            if HealthWarning.UNSUPPORTED_CODEC in measurement.warnings and not newest[public_id].is_refused:
                health.refuse_encoder(public_id=public_id, reason=HealthWarning.UNSUPPORTED_CODEC)
                newest[public_id].is_refused = True
        health.report_silent_encoders(measured=measured.keys())

    def _unrecordable(self, measured: Mapping[str, Health]) -> list[str]:
        """Return the streams without a picture whose encoders do send one, but none that can be recorded."""
        blind = [each for each, health in measured.items() if HealthWarning.NO_PICTURE in health.warnings]
        if not blind:
            return []
        try:
            unrecordable = media_server.unrecordable_publishers()
        except (MediaServerUnavailable, MediaServerBadResponse) as error:
            logger.warning("asking the media server for codecs failed: %s", error)
            return []
        return [public_id for public_id in blind if public_id in unrecordable]


def _headers_before(recording: str, tag: Tag) -> list[Tag]:
    """Return the configurations that a restarted packager has not read, because it goes on further back."""
    try:
        return sequence_headers_before(recordings.folder() / recording, tag.offset)
    except (OSError, NotFlv):
        return []
