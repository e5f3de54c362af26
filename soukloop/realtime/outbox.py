"""The outbox: what a transaction publishes is committed with it, so that it is published at least once.

One row per transaction, inserted just before the commit. After the commit the process publishes from memory
and deletes the row. If it is killed before that, if the commit's answer is lost or if Redis is unavailable,
the row remains, and the next sweep of any web process publishes it.
"""

import atexit
import logging
import os
import threading
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, connections, transaction
from psycopg_pool import PoolTimeout
from redis.exceptions import RedisError

from soukloop.core import jsonlib
from soukloop.core.db.commits import before_commit
from soukloop.core.redis.client import redis_client
from soukloop.realtime.publisher import Message, Receipt, publisher

logger = logging.getLogger(__name__)

_DELETE_EVERY = 0.1  # seconds; one DELETE for all entries that were published meanwhile
_REDIS_SETTLES_WITHIN = 3  # seconds; processes try once a second to connect again
_SWEEP_BATCH = 100  # entries
_CAUSES_SHOWN = 20  # ids of requests in one line of the log
_INSERT = """
INSERT INTO realtime_outboxentry (messages, created_at) VALUES (%s, clock_timestamp()) RETURNING id
"""
_OVERDUE = """
SELECT id, messages, created_at < clock_timestamp() - %s AS is_too_old FROM realtime_outboxentry
WHERE created_at < clock_timestamp() - %s
ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
"""


class PublishOnCommit:
    """A function for `transaction.on_commit` that publishes a message which is in the outbox."""

    def __init__(self, room: str, message: Message) -> None:
        self.room = room
        self.message = message
        self.receipt: Receipt | None = None
        self.__qualname__ = f"publishing to {room}"  # Django logs it with an error

    def __call__(self) -> None:
        if self.receipt is None:
            publisher.send(self.room, self.message)
        else:
            publisher.send(self.room, self.message, self.receipt)


def send_on_commit(room: str, message: Message) -> None:
    """Send a message to a room at least once, if the transaction commits; without one, at once."""
    if connection.in_atomic_block:
        transaction.on_commit(PublishOnCommit(room, message), robust=True)
        return
    with transaction.atomic():
        transaction.on_commit(PublishOnCommit(room, message), robust=True)


@before_commit.register
def insert_entry(connection: Any, functions: list[Callable[[], Any]]) -> None:
    """Insert the messages that the transaction publishes, and give each the receipt that deletes the row."""
    publishing = [function for function in functions if isinstance(function, PublishOnCommit)]
    if not publishing:
        return
    messages = [
        {**function.message, "group": function.room, "data": function.message.get("data", b"").decode()}
        for function in publishing
    ]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [jsonlib.dumps(messages).decode()])
        [entry_id] = cursor.fetchone()
    receipt = Receipt(len(publishing), lambda: _deleter.add(entry_id))
    for function in publishing:
        function.receipt = receipt


def publish_overdue() -> int:
    """Publish entries older than OUTBOX_SWEEP_AFTER in their order, and delete them; return how many.

    Entries older than OUTBOX_KEPT_FOR are deleted unpublished: sockets that were open then have been told
    `resync` or have been closed. Raises the channel layer's errors; then everything remains.

    Right after a restart of Redis other processes have not subscribed again, so nothing is published then.
    """
    published = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            after: list[Any] = [settings.OUTBOX_KEPT_FOR, settings.OUTBOX_SWEEP_AFTER, _SWEEP_BATCH]
            cursor.execute(_OVERDUE, after)
            rows = cursor.fetchall()
            if not rows or not _has_redis_settled():
                return published
            due = [entry for _, entry, is_too_old in rows if not is_too_old]
            publisher.send_now([message for entry in due for message in _decoded(entry)])
            cursor.execute("DELETE FROM realtime_outboxentry WHERE id = ANY(%s)", [[row[0] for row in rows]])
        logger.info("overdue outbox entries published, of requests: %s", _causes(due))
        published += len(due)
        if len(rows) < _SWEEP_BATCH:
            return published


def _has_redis_settled() -> bool:
    """Return whether Redis has run for so long that every process has subscribed again."""
    return bool(redis_client().info("server")["uptime_in_seconds"] >= _REDIS_SETTLES_WITHIN)


def _causes(entries: list[str]) -> str:
    """Return the ids of the requests that some entries are of."""
    ids = {message.get("request_id", "") for entry in entries for message in jsonlib.loads(entry)} - {""}
    shown = sorted(ids)[:_CAUSES_SHOWN]
    return ", ".join(shown) + (f" and {len(ids) - len(shown)} more" if len(ids) > len(shown) else "")


def _decoded(entry: str) -> list[tuple[str, Message]]:
    messages = []
    for message in jsonlib.loads(entry):
        room, data = message.pop("group"), message.pop("data")
        messages.append((room, {**message, "data": data.encode()} if data else message))
    return messages


class _Deleter:
    """Deletes published entries in batches, on a thread that ends when there is nothing to do."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids: list[int] = []
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, entry_id: int) -> None:
        with self._lock:
            self._ids.append(entry_id)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
                self._thread.start()

    def flush(self, timeout: float = 2.0) -> None:
        """Delete what is to be deleted now, before the process ends."""
        self._wake.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)
        self._wake.clear()

    def _run(self) -> None:
        while True:
            self._wake.wait(_DELETE_EVERY)
            with self._lock:
                ids, self._ids = self._ids, []
                if not ids:
                    self._thread = None
                    return
            # A row that cannot be deleted is published a second time, which clients tolerate. Whatever the
            # reason is, this thread goes on: another one is started only after it has returned.
            try:
                self._delete(ids)
            except PoolTimeout:
                continue
            except Exception:
                logger.exception("deleting %s published outbox entries failed", len(ids))

    def _delete(self, ids: list[int]) -> None:
        """Delete these rows, unless Redis has just started: a sweep then publishes them to all once more."""
        try:
            if not _has_redis_settled():
                return
            with connection.cursor() as cursor:
                cursor.execute("DELETE FROM realtime_outboxentry WHERE id = ANY(%s)", [ids])
        except (DatabaseError, InterfaceError, RedisError) as error:
            logger.warning("deleting %s published outbox entries failed: %s", len(ids), error)
        finally:
            connections.close_all()


_deleter = _Deleter()


def _finish() -> None:
    """Publish and delete what is left, so that a process which ends leaves little to be published twice."""
    publisher.flush()
    _deleter.flush()


atexit.register(_finish)
os.register_at_fork(after_in_child=_deleter.__init__)  # type: ignore[misc] # threads don't survive a fork
