"""What `DATABASES` names as the engine."""

import select
import time
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from django.contrib.gis.db.backends.postgis import base
from psycopg import Connection, OperationalError
from psycopg_pool import ConnectionPool

_TRUSTED_FOR = 60.0  # seconds since it was lent last; a firewall forgets silent connections after minutes

_lent_at: WeakKeyDictionary[Connection[Any], float] = WeakKeyDictionary()
_knows_geometries: WeakSet[Connection[Any]] = WeakSet()


class DatabaseWrapper(base.DatabaseWrapper):
    """Do for each connection what Django does for each loan of it.

    With CONN_HEALTH_CHECKS Django asks PostgreSQL each time whether it is still there: a round trip in every
    request. A server that ended the connection, as all do that stop, has said so: that is looked for instead.
    """

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection[Any]:
        """Return a connection from the pool that works."""
        while True:
            connection: Connection[Any] = super().get_new_connection(conn_params)
            if self.pool is None or _is_alive(connection):
                return connection
            connection.close()
            self.pool.putconn(connection)  # which opens another one

    def register_geometry_adapters(self, pg_connection: Any, clear_caches: bool = False) -> None:
        if clear_caches or pg_connection not in _knows_geometries:
            super().register_geometry_adapters(pg_connection, clear_caches)
            _knows_geometries.add(pg_connection)


def _is_alive(connection: Connection[Any]) -> bool:
    now = time.monotonic()
    is_trusted = now - _lent_at.get(connection, 0.0) < _TRUSTED_FOR
    _lent_at[connection] = now
    if is_trusted and not _has_news(connection):
        return True
    try:
        ConnectionPool.check_connection(connection)
    except OperationalError:
        return False
    return True


def _has_news(connection: Connection[Any]) -> bool:
    """Tell whether the server sent anything unasked: its farewell, most likely."""
    news = select.poll()
    news.register(connection.fileno(), select.POLLIN)
    return bool(news.poll(0))
