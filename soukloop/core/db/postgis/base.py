"""The database engine that `DATABASES` names: PostGIS, over a pool that survives lost connections."""

from typing import Any, cast
from weakref import WeakSet

from django.contrib.gis.db.backends.postgis import base
from django.db.backends.base.base import NO_DB_ALIAS
from psycopg import Connection

from soukloop.core.db.commits import before_commit
from soukloop.core.db.postgis.pool import ThreadPool

_geometries_registered: WeakSet[Connection[Any]] = WeakSet()


class DatabaseWrapper(base.DatabaseWrapper):
    """Take connections from `ThreadPool`, and register geometry types once per connection."""

    _connection_pools: dict[str, ThreadPool]

    @property
    def pool(self) -> ThreadPool | None:
        options = self.settings_dict["OPTIONS"].get("pool")
        if self.alias == NO_DB_ALIAS or not options:
            return None
        pool = self._connection_pools.get(self.alias)
        if pool is None:  # two threads at once: the first one's is kept
            pool = self._connection_pools.setdefault(self.alias, ThreadPool(self._connect, **options))
        return pool

    def _connect(self) -> Connection[Any]:
        connection = cast(
            Connection[Any], self.Database.connect(**self.get_connection_params(), autocommit=True)
        )
        self._configure_connection(connection)  # type: ignore[attr-defined]
        return connection

    def close(self) -> None:
        """Return the connection, and forget the statements that DEBUG keeps.

        Django forgets them at the start of a request, but on the event loop, whose thread has none: each
        view thread kept 9,000 statements with their values, all together 200 MB.
        """
        super().close()
        if not self.force_debug_cursor:  # a test that counts statements
            self.queries_log.clear()

    def _commit(self) -> None:
        # Undocumented names of Django's (test_undocumented_names.py): there is no hook before a commit.
        if self.run_on_commit:
            before_commit(self, [entry[1] for entry in self.run_on_commit])
        super()._commit()  # type: ignore[misc]

    def register_geometry_adapters(self, pg_connection: Any, clear_caches: bool = False) -> None:
        if clear_caches or pg_connection not in _geometries_registered:
            super().register_geometry_adapters(pg_connection, clear_caches)
            _geometries_registered.add(pg_connection)
