"""The database engine that `DATABASES` names: PostGIS, with cheaper checks of pooled connections."""

import select
import time
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from django.contrib.gis.db.backends.postgis import base
from psycopg import Connection, OperationalError
from psycopg_pool import ConnectionPool

from soukloop.core.db.commits import before_commit

_CHECK_AFTER = 60.0  # seconds since its last use; firewalls drop idle connections after minutes

_used_at: WeakKeyDictionary[Connection[Any], float] = WeakKeyDictionary()
_geometries_registered: WeakSet[Connection[Any]] = WeakSet()


class DatabaseWrapper(base.DatabaseWrapper):
    """Check a pooled connection without a round trip, and register geometry types once per connection.

    With CONN_HEALTH_CHECKS Django sends a query each time it takes a connection from the pool. A server that
    closes a connection sends a message first, so looking for unread data finds out as well.
    """

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection[Any]:
        """Return a working connection from the pool."""
        while True:
            connection: Connection[Any] = super().get_new_connection(conn_params)
            if self.pool is None or _is_alive(connection):
                return connection
            connection.close()
            self.pool.putconn(connection)  # which opens another one

    def _commit(self) -> None:
        # Undocumented names of Django's (test_undocumented_names.py): there is no hook before a commit.
        if self.run_on_commit:
            before_commit(self, [entry[1] for entry in self.run_on_commit])
        super()._commit()  # type: ignore[misc]

    def register_geometry_adapters(self, pg_connection: Any, clear_caches: bool = False) -> None:
        if clear_caches or pg_connection not in _geometries_registered:
            super().register_geometry_adapters(pg_connection, clear_caches)
            _geometries_registered.add(pg_connection)


def _is_alive(connection: Connection[Any]) -> bool:
    now = time.monotonic()
    was_just_used = now - _used_at.get(connection, 0.0) < _CHECK_AFTER
    _used_at[connection] = now
    if was_just_used and not _has_unread_data(connection):
        return True
    try:
        ConnectionPool.check_connection(connection)
    except OperationalError:
        return False
    return True


def _has_unread_data(connection: Connection[Any]) -> bool:
    """Return whether the server sent something unasked, most likely that it closes the connection."""
    poller = select.poll()
    poller.register(connection.fileno(), select.POLLIN)
    return bool(poller.poll(0))
